// ENABLE (RFC 5161): switches on extensions that change what the server says unasked. Names that are not known are passed over.

import { argumentsOf, type Extension, type ImapCommand, ok } from '../command.js';

const known: ReadonlyMap<string, Extension> = new Map([
  ['CONDSTORE', 'CONDSTORE'],
  ['QRESYNC', 'QRESYNC'],
  ['UTF8=ACCEPT', 'UTF8=ACCEPT'],
  ['UIDONLY', 'UIDONLY'],
  ['IMAP4REV2', 'IMAP4rev2'],
]);

export const enable: ImapCommand = {
  state: 'logged-in',
  async run(session, command) {
    const decoder = argumentsOf(command);
    const names = [decoder.atom()];
    while (decoder.maybeSp()) names.push(decoder.atom());
    decoder.end();
    const enabled = names.flatMap((name) => {
      const extension = known.get(name.toUpperCase());
      if (extension === undefined || session.enabled.has(extension)) return [];
      session.enable(extension);
      return [extension];
    });
    session.output.untagged(['ENABLED', ...enabled].join(' '));
    return ok('Enabled.');
  },
};
