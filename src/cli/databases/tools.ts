// The tools for the cdb files and what they are made from. The build makes one file of them (cli/vqmail.ts).

import type { ToolsOf } from '../tools.js';

export { runProgram } from '../program.js';

export const tools: ToolsOf<'databases'> = {
  tcprules: async () => (await import('./tcprules.js')).tcprules,
  tcprulescheck: async () => (await import('./tcprulescheck.js')).tcprulescheck,
  'qmail-newu': async () => (await import('./qmail-newu.js')).qmailNewu,
  'qmail-newmrh': async () => (await import('./qmail-newmrh.js')).qmailNewmrh,
  'qmail-pw2u': async () => (await import('./qmail-pw2u.js')).qmailPw2u,
  'qmail-getpw': async () => (await import('./qmail-getpw.js')).qmailGetpw,
};
