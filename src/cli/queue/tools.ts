// The tools for the queue. The build makes one file of them (cli/vqmail.ts).

import type { ToolsOf } from '../tools.js';

export { runProgram } from '../program.js';

export const tools: ToolsOf<'queue'> = {
  'qmail-local': async () => (await import('./qmail-local.js')).qmailLocalTool,
  'qmail-inject': async () => (await import('./qmail-inject.js')).qmailInject,
  sendmail: async () => (await import('./sendmail.js')).sendmail,
  'qmail-queue': async () => (await import('./qmail-queue.js')).qmailQueue,
  'qmail-qmqpc': async () => (await import('./qmail-qmqpc.js')).qmailQmqpc,
  'qmail-smtpd': async () => (await import('./qmail-smtpd.js')).qmailSmtpd,
  'qmail-qread': async () => (await import('./qmail-qread.js')).qmailQread,
  'qmail-qstat': async () => (await import('./qmail-qstat.js')).qmailQstat,
  'qmail-tcpto': async () => (await import('./qmail-tcpto.js')).qmailTcpto,
  'qmail-tcpok': async () => (await import('./qmail-tcpto.js')).qmailTcpok,
  'qmail-showctl': async () => (await import('./qmail-showctl.js')).qmailShowctl,
  mailq: async () => (await import('./sendmail.js')).mailq,
  newaliases: async () => (await import('./sendmail.js')).newaliases,
  'qmail-remote': async () => (await import('./qmail-remote.js')).qmailRemote,
};
