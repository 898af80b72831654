// COMPRESS DEFLATE (RFC 4978): from the tagged answer on both sides compress.

import { SyntaxProblem } from '../../../protocols/imap/decoder.js';
import { argumentsOf, type ImapCommand, no, ok } from '../command.js';

export const compress: ImapCommand = {
  state: 'logged-in',
  tellsNothing: true,
  async run(session, command) {
    const decoder = argumentsOf(command);
    if (decoder.word() !== 'DEFLATE') throw new SyntaxProblem('Unknown compression mechanism');
    decoder.end();
    if (session.isCompressed) return no('The connection is compressed already.', 'COMPRESSIONACTIVE');
    return { ...ok('DEFLATE active.'), afterwards: () => session.compress() };
  },
};
