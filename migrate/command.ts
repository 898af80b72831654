// `vqmail migrate NAME ARGUMENTS...`: what a migration needs around the server. Each is loaded by itself.

import type { RunCommand } from '../src/cli/program.js';
import type { ToolIo } from '../src/cli/tool-io.js';
import { PermanentError } from '../src/errors.js';

interface Subcommand {
  readonly about: string;
  readonly load: () => Promise<RunCommand>;
}

const subcommands: Readonly<Record<string, Subcommand>> = {
  preflight: {
    about: 'what is on this host, what vqmail does with it, what is broken, and in which order to go',
    load: async () => (await import('./preflight/command.js')).preflight,
  },
  cutover: {
    about: 'PROTOCOL...: moves it from the old server to ours; --yes does it',
    load: async () => (await import('./cutover/command.js')).cutover,
  },
  rollback: {
    about: 'PROTOCOL...: and back again',
    load: async () => (await import('./cutover/command.js')).rollback,
  },
  service: {
    about: 'service files for systemd, daemontools or FreeBSD',
    load: async () => (await import('./service/command.js')).service,
  },
  shadow: {
    about: '--old PROTO=HOST:PORT --new PROTO=HOST:PORT: what the old servers and ours answer otherwise',
    load: async () => (await import('./shadow/command.js')).shadow,
  },
  import: {
    about:
      'SOURCE ACCOUNT: mail from another IMAP server, a Maildir or mbox files into an account; accounts from lists',
    load: async () => (await import('./import/command.js')).importMail,
  },
  export: {
    about: 'ACCOUNT TARGET: the mail of an account to another IMAP server',
    load: async () => (await import('./export/command.js')).exportMail,
  },
  snapshot: {
    about: 'FILE: record what clients see, before a step',
    load: async () => (await import('./snapshot/command.js')).snapshot,
  },
  verify: {
    about: '--before FILE: what clients see otherwise after it',
    load: async () => (await import('./snapshot/command.js')).verify,
  },
};

/** @throws PermanentError for a subcommand that there is not */
export async function migrate([name, ...args]: string[], io: ToolIo): Promise<number> {
  if (name === undefined || name === '--help' || name === 'help') {
    io.stdout(usage());
    return name === undefined ? 100 : 0;
  }
  const subcommand = Object.hasOwn(subcommands, name) ? subcommands[name] : undefined;
  if (subcommand === undefined) throw new PermanentError('5.5.4', `migrate: there is no ${name}\n${usage()}`.trimEnd());
  return (await subcommand.load())(args, io);
}

function usage(): string {
  const list = Object.entries(subcommands).map(([name, { about }]) => `  ${name.padEnd(10)} ${about}\n`);
  return `usage: vqmail migrate NAME ...\n${list.join('')}`;
}
