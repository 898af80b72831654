// STARTTLS (RFC 9051 6.2.1).

import { bad, type ImapCommand, mustHaveNoArguments, ok } from '../command.js';

export const startTls: ImapCommand = {
  state: 'before-login',
  async run(session, command) {
    mustHaveNoArguments(command);
    if (!(await session.security.offersTls())) return bad('TLS is not available, or active already.');
    const afterwards = async (): Promise<void> => {
      if (!(await session.security.secure())) session.end();
    };
    return { ...ok('Begin TLS negotiation now.'), afterwards };
  },
};
