// Every command of `vqmail NAME ...` that is not a tool (cli/tools.ts), by name: what it is for, and how it is loaded. This list imports nothing but types.

import type { Command } from './program.js';

/** Each command by its name. */
export const commands: Readonly<Record<string, Command>> = {
  serve: { about: 'serve the host: SMTP, IMAP, POP3, the queue', load: async () => (await import('./serve.js')).serve },
  demo: {
    about: 'serve a sample host without root and say what to try',
    load: async () => (await import('./demo.js')).demo,
  },
  check: { about: 'list every problem of the install', load: async () => (await import('./check.js')).check },
  route: {
    about: 'ADDRESS: what would happen to a message, and why',
    load: async () => (await import('./route.js')).route,
  },
  cert: {
    about: 'self-signed|show|check: the certificates of TLS',
    load: async () => (await import('./cert.js')).cert,
  },
  auth: {
    about: 'status|forget|audit: logins, guessing, how passwords are kept',
    load: async () => (await import('./auth/auth.js')).auth,
  },
  cdb: { about: 'dump|get|make: the cdb files', load: async () => (await import('./cdb.js')).cdb },
  queue: {
    about: 'list|show|retry|hold|release|drop|bounce: the queue',
    load: async () => (await import('./queue/queue.js')).queue,
  },
  'install-tools': {
    about: `--into DIR: makes links with the names of the original tools`,
    load: async () => (await import('./install-tools.js')).installTools,
  },
  watch: {
    about: `prints what changes on the host, live`,
    load: async () => (await import('./watch.js')).watch,
  },
  migrate: {
    about:
      'preflight|service|shadow|import|export|snapshot|verify|cutover|rollback: moving a host to this server, step by step',
    load: async () => (await import('../../migrate/command.js')).migrate,
  },
  'postfix-maps': {
    about: `--into DIR: writes Postfix's maps, and keeps them current`,
    load: async () => (await import('./postfix-maps.js')).postfixMaps,
  },
};
