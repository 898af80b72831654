// CAPABILITY, NOOP, LOGOUT (RFC 9051 6.1) and ID (RFC 2971): at any time.

import type { Decoder } from '../../../protocols/imap/decoder.js';
import { quotedOrLiteral } from '../../../protocols/imap/strings.js';
import { argumentsOf, type ImapCommand, mustHaveNoArguments, ok } from '../command.js';

export const capability: ImapCommand = {
  state: 'any',
  async run(session, command) {
    mustHaveNoArguments(command);
    session.output.untagged(`CAPABILITY ${await session.capabilities()}`);
    return ok('Capability completed.');
  },
};

export const noop: ImapCommand = {
  state: 'any',
  async run(_session, command) {
    mustHaveNoArguments(command);
    return ok('NOOP completed.');
  },
};

export const logout: ImapCommand = {
  state: 'any',
  tellsNothing: true,
  async run(session, command) {
    mustHaveNoArguments(command);
    session.output.untagged('BYE Logging out');
    return { ...ok('Logout completed.'), afterwards: async () => session.end() };
  },
};

export const id: ImapCommand = {
  state: 'any',
  async run(session, command) {
    readId(argumentsOf(command));
    session.output.untagged(`ID (${['name', 'vqmail'].map(quotedOrLiteral).join(' ')})`);
    return ok('ID completed.');
  },
};

/** What a client says of itself decides nothing. */
function readId(decoder: Decoder): void {
  if (decoder.peek() === '(') decoder.list(() => decoder.nstring());
  else decoder.nstring();
  decoder.end();
}
