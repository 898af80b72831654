// What is compared before a move and after it: the old server in its place with ours beside, then ours in that place with ours beside.

import type { ToolIo } from '../../src/cli/tool-io.js';
import { PermanentError, TemporaryError } from '../../src/errors.js';
import { parseServerAddress } from '../clients/server-address.js';
import { type CheckOptions, compared, exitOf, reportText } from '../shadow/command.js';
import { reachedAt } from './ports.js';
import type { Move } from './state.js';

export interface ComparedOptions extends CheckOptions {
  readonly check: boolean;
  /** As `PROTO=HOST:PORT`. */
  readonly beside?: readonly string[];
}

export interface Check {
  /** What is compared, for people; undefined: nothing. */
  readonly text: string | undefined;
  /** Whether the old server answers as ours beside. */
  readonly before: () => Promise<boolean>;
  /** Whether ours in its place does. @throws TemporaryError when not */
  readonly after: () => Promise<void>;
}

/** @throws PermanentError when it is not said where vqmail serves beside */
export function checkOf({ places, protocols }: Move, options: ComparedOptions, io: ToolIo): Check {
  const none = { text: undefined, before: async () => true, after: async () => {} };
  if (!options.check || protocols.includes('queue')) return none;
  const beside = (options.beside ?? []).map(parseServerAddress);
  const served = places
    .flatMap((place) => reachedAt(place) ?? [])
    .map(({ protocol, host, port }) =>
      parseServerAddress(`${protocol}=${host.includes(':') ? `[${host}]` : host}:${port}`),
    );
  const asked = [...new Set(served.map(({ protocol }) => protocol))];
  const pairs = asked.map((protocol) => {
    const [old, other] = [served, beside].map((list) => list.find((each) => each.protocol === protocol));
    if (old === undefined || other === undefined)
      throw new PermanentError(
        '5.5.4',
        `migrate cutover: --beside ${protocol}=HOST:PORT is needed, where vqmail serves beside (vqmail serve --listen ...), or --no-check`,
      );
    return { protocol, old, new: other };
  });
  const isSame = async (turned: boolean, ignore: readonly string[] | undefined): Promise<boolean> => {
    const these = pairs.map(({ protocol, old, new: other }) =>
      turned ? { protocol, old: other, new: old } : { protocol, old, new: other },
    );
    // A master user is the old server's; ours has none.
    const report = await compared(these, { ...options, ignore, ...(turned && { master: undefined }) }, io);
    io.stdout(Buffer.from(reportText(report)));
    return exitOf(report) === 0;
  };
  return {
    text: pairs.map(({ protocol }) => protocol).join(' '),
    before: () => isSame(false, options.ignore),
    after: async () => {
      if (!(await isSame(true, undefined)))
        throw new TemporaryError('4.3.0', 'our server in its place does not answer as the one beside');
    },
  };
}
