// Mod-sequences in commands (RFC 7162): the first command that speaks of them switches CONDSTORE on.

import type { SelectedSession } from '../command.js';

/** Called by a command that uses mod-sequences. */
export function useModSequences(session: SelectedSession): void {
  if (session.enabled.has('CONDSTORE')) return;
  session.enable('CONDSTORE');
  session.output.untagged(`OK [HIGHESTMODSEQ ${session.selected.view.highestModSeq}] Highest`);
}

/** The number of a mod-sequence that a client names. Ours are far below 2^53. */
export function modSequenceNumber(modSeq: bigint): number {
  return Number(modSeq);
}
