// SELECT and EXAMINE (RFC 9051 6.3.2, 6.3.3), with the parameters of RFC 7162: `(CONDSTORE)`, `(QRESYNC (UIDVALIDITY MODSEQ [known UIDs [(sequence numbers UIDs)]]))`.
//
// The order of what is said is Dovecot's. A mailbox that cannot be selected leaves none selected.

import { separator } from '../../../formats/mailbox/folder-names.js';
import { type Decoder, SyntaxProblem } from '../../../protocols/imap/decoder.js';
import {
  formatRanges,
  type NumberRange,
  parseSequenceSet,
  resolveRanges,
} from '../../../protocols/imap/sequence-set.js';
import type { MailboxView } from '../../../stores/mailboxes/mailbox-view.js';
import { tellFlags } from '../changes.js';
import { argumentsOf, type ImapCommand, type LoggedInSession, ok, uidRequired } from '../command.js';

/** What a client knows of a mailbox from another session. */
interface KnownState {
  readonly uidValidity: number;
  readonly modSeq: number;
  /** All when undefined. */
  readonly uids: readonly NumberRange[] | undefined;
}

interface SelectArguments {
  readonly name: string;
  readonly isCondStore: boolean;
  readonly known: KnownState | undefined;
}

export const select: ImapCommand = command('read-write');
export const examine: ImapCommand = command('read-only');

function command(mode: 'read-write' | 'read-only'): ImapCommand {
  return {
    state: 'logged-in',
    tellsNothing: true,
    async run(session, command) {
      const { name, isCondStore, known } = readArguments(argumentsOf(command), session);
      if (session.selected !== undefined) session.output.untagged('OK [CLOSED] Previous mailbox closed.');
      session.select(undefined);
      const view = await session.account.select(session.names.fromClient(name), mode);
      session.select(view);
      if (isCondStore) session.enable('CONDSTORE');
      describe(session, view);
      if (known !== undefined && known.uidValidity === view.uidValidity) await tellSince(session, view, known);
      return view.isReadOnly ? ok('Examine completed.', 'READ-ONLY') : ok('Select completed.', 'READ-WRITE');
    },
  };
}

function readArguments(decoder: Decoder, session: LoggedInSession): SelectArguments {
  const name = decoder.astring();
  let isCondStore = false;
  let known: KnownState | undefined;
  if (decoder.maybeSp()) {
    decoder.list(() => {
      const parameter = decoder.word();
      if (parameter === 'CONDSTORE') isCondStore = true;
      else if (parameter === 'QRESYNC') {
        if (!session.enabled.has('QRESYNC')) throw new SyntaxProblem('QRESYNC is not enabled');
        decoder.sp();
        known = readKnownState(decoder, session.enabled.has('UIDONLY'));
      } else throw new SyntaxProblem(`Unknown parameter ${parameter}`);
    });
  }
  decoder.end();
  return { name, isCondStore, known };
}

function readKnownState(decoder: Decoder, isUidOnly: boolean): KnownState {
  decoder.expect('(');
  const uidValidity = decoder.number();
  decoder.sp();
  const modSeq = Number(decoder.number64());
  let uids: readonly NumberRange[] | undefined;
  if (decoder.maybeSp()) {
    if (decoder.peek() !== '(') {
      uids = readUids(decoder);
      decoder.maybeSp();
    }
    // Sequence numbers with their UIDs only help a server that remembers little of what was expunged.
    if (decoder.take('(')) {
      if (isUidOnly) throw uidRequired();
      readUids(decoder);
      decoder.sp();
      readUids(decoder);
      decoder.expect(')');
    }
  }
  decoder.expect(')');
  return { uidValidity, modSeq, uids };
}

function readUids(decoder: Decoder): readonly NumberRange[] {
  const set = parseSequenceSet(decoder.sequenceText());
  if (set === undefined || set === 'saved') throw new SyntaxProblem('Invalid UIDs');
  return resolveRanges(set, 0xffff_ffff);
}

function describe({ output, enabled, names }: LoggedInSession, view: MailboxView): void {
  const isOld = !enabled.has('IMAP4rev2');
  tellFlags(output, view);
  output.untagged(`${view.count} EXISTS`);
  if (isOld) output.untagged(`${view.recentCount} RECENT`);
  const unseen = isOld && !enabled.has('UIDONLY') ? view.firstUnseen : 0;
  if (unseen > 0) output.untagged(`OK [UNSEEN ${unseen}] First unseen.`);
  output.untagged(`OK [UIDVALIDITY ${view.uidValidity}] UIDs valid`);
  output.untagged(`OK [UIDNEXT ${view.uidNext}] Predicted next UID`);
  output.untagged(`OK [HIGHESTMODSEQ ${view.highestModSeq}] Highest`);
  output.untagged(`OK [MAILBOXID (${view.mailboxId})] Ok`);
  if (!isOld) output.untagged(`LIST () "${separator}" ${names.shown(view.name)}`);
}

/** What has happened since the client was here last (RFC 7162 3.2.5). */
async function tellSince(session: LoggedInSession, view: MailboxView, known: KnownState): Promise<void> {
  const { output } = session;
  const vanished = view.vanishedSince(known.modSeq, known.uids);
  if (vanished.length > 0) output.untagged(`VANISHED (EARLIER) ${formatRanges(vanished)}`);
  const within = known.uids;
  let range = 0;
  for (let sequence = 1; sequence <= view.count; sequence++) {
    const modSeq = view.modSeqAt(sequence);
    if (modSeq <= known.modSeq) continue;
    const uid = view.uids[sequence - 1] ?? 0;
    while (within !== undefined && range < within.length && (within[range]?.last ?? 0) < uid) range++;
    if (within !== undefined && uid < (within[range]?.first ?? Number.POSITIVE_INFINITY)) continue;
    const flags = session.selected?.flagLists.of(sequence)?.toString('latin1');
    const fetched = session.enabled.has('UIDONLY') ? `${uid} UIDFETCH (` : `${sequence} FETCH (UID ${uid} `;
    if (flags !== undefined) output.untagged(`${fetched}FLAGS ${flags} MODSEQ (${modSeq}))`);
    const pause = output.breathe();
    if (pause !== undefined) await pause;
  }
}
