#!/usr/bin/env node
// The command: `vqmail NAME ARGUMENTS...`, or NAME itself through a symbolic link. A tool loads nothing but itself.

import path from 'node:path';
import { ConfigurationError, CorruptFileError, describe, PermanentError, TemporaryError } from '../errors.js';
import { Layout, type LayoutOptions } from '../layout.js';
import { processArguments, processIo, type ToolIo } from './tool-io.js';

type Tool = (args: string[], io: ToolIo) => number | Promise<number>;

const asOriginal = 'as the original';

/** Each command with where it is and what it is for. */
const commands: Readonly<Record<string, { readonly about: string; readonly load: () => Promise<Tool> }>> = {
  serve: { about: 'serve the host: SMTP in, Maildirs, POP3', load: async () => (await import('./serve.js')).serve },
  demo: {
    about: 'serve a sample host without root and say what to try',
    load: async () => (await import('./demo.js')).demo,
  },
  check: { about: 'list every problem of the install', load: async () => (await import('./check.js')).check },
  route: {
    about: 'ADDRESS: what would happen to a message, and why',
    load: async () => (await import('./route.js')).route,
  },
  cdb: { about: 'dump|get|make: the cdb files', load: async () => (await import('./cdb.js')).cdb },
  tcprules: { about: asOriginal, load: async () => (await import('./tcprules.js')).tcprules },
  tcprulescheck: { about: asOriginal, load: async () => (await import('./tcprulescheck.js')).tcprulescheck },
  'qmail-newu': {
    about: `users/assign -> users/cdb, ${asOriginal}`,
    load: async () => (await import('./qmail-newu.js')).qmailNewu,
  },
  'qmail-newmrh': {
    about: `morercpthosts -> its cdb, ${asOriginal}`,
    load: async () => (await import('./qmail-newmrh.js')).qmailNewmrh,
  },
  vadddomain: {
    about: `adds a domain, ${asOriginal}`,
    load: async () => (await import('./domains/vadddomain.js')).vadddomain,
  },
  vdeldomain: {
    about: `removes a domain, ${asOriginal}`,
    load: async () => (await import('./domains/vdeldomain.js')).vdeldomain,
  },
  vaddaliasdomain: {
    about: `adds an alias domain, ${asOriginal}`,
    load: async () => (await import('./domains/vaddaliasdomain.js')).vaddaliasdomain,
  },
  vdominfo: {
    about: `shows domains, ${asOriginal}`,
    load: async () => (await import('./domains/vdominfo.js')).vdominfo,
  },
  vmoddomlimits: {
    about: `shows and sets the limits of a domain, ${asOriginal}`,
    load: async () => (await import('./domains/vmoddomlimits.js')).vmoddomlimits,
  },
  vipmap: {
    about: `which domain belongs to a local address, ${asOriginal}`,
    load: async () => (await import('./domains/vipmap.js')).vipmap,
  },
  vadduser: {
    about: `adds an account, ${asOriginal}`,
    load: async () => (await import('./users/vadduser.js')).vadduser,
  },
  vdeluser: {
    about: `removes an account, ${asOriginal}`,
    load: async () => (await import('./users/vdeluser.js')).vdeluser,
  },
  vpasswd: {
    about: `sets a password, ${asOriginal}`,
    load: async () => (await import('./users/vpasswd.js')).vpasswd,
  },
  vchangepw: {
    about: `lets people set their own password, ${asOriginal}`,
    load: async () => (await import('./users/vchangepw.js')).vchangepw,
  },
  vmoduser: {
    about: `changes an account or all of a domain, ${asOriginal}`,
    load: async () => (await import('./users/vmoduser.js')).vmoduser,
  },
  vsetuserquota: {
    about: `sets the quota of an account or a domain, ${asOriginal}`,
    load: async () => (await import('./users/vsetuserquota.js')).vsetuserquota,
  },
  vuserinfo: {
    about: `shows accounts, ${asOriginal}`,
    load: async () => (await import('./users/vuserinfo.js')).vuserinfo,
  },
  vmkpasswd: {
    about: `vpasswd -> vpasswd.cdb, ${asOriginal}`,
    load: async () => (await import('./users/vmkpasswd.js')).vmkpasswd,
  },
  vdeloldusers: {
    about: `removes accounts that nobody used, ${asOriginal}`,
    load: async () => (await import('./users/vdeloldusers.js')).vdeloldusers,
  },
  vconvert: {
    about: `converts user databases, ${asOriginal}`,
    load: async () => (await import('./users/vconvert.js')).vconvert,
  },
  valias: {
    about: `shows and sets aliases, ${asOriginal}`,
    load: async () => (await import('./mailing/valias.js')).valias,
  },
  vdelivermail: {
    about: `the program of .qmail-default, ${asOriginal}`,
    load: async () => (await import('./mailing/vdelivermail.js')).vdelivermail,
  },
  vrcptcheck: {
    about: `whether a recipient exists, ${asOriginal}`,
    load: async () => (await import('./mailing/vrcptcheck.js')).vrcptcheck,
  },
  vmakedotqmail: {
    about: `makes .qmail files, ${asOriginal}`,
    load: async () => (await import('./mailing/vmakedotqmail.js')).vmakedotqmail,
  },
  dotqmail2valias: {
    about: `.qmail files -> aliases, ${asOriginal}`,
    load: async () => (await import('./mailing/dotqmail2valias.js')).dotqmail2valias,
  },
  vlist: {
    about: `mailing lists of ezmlm, ${asOriginal}`,
    load: async () => (await import('./mailing/vlist.js')).vlist,
  },
  vpopbull: {
    about: `a message for everybody, ${asOriginal}`,
    load: async () => (await import('./mailing/vpopbull.js')).vpopbull,
  },
  vchkpw: {
    about: `checkpassword interface, ${asOriginal}`,
    load: async () => (await import('./login/vchkpw.js')).vchkpw,
  },
  clearopensmtp: {
    about: `ends relaying of those who logged in long ago, ${asOriginal}`,
    load: async () => (await import('./login/clearopensmtp.js')).clearopensmtp,
  },
  vkill: {
    about: `ends processes by name, ${asOriginal}`,
    load: async () => (await import('./login/vkill.js')).vkill,
  },
  'qmail-pw2u': {
    about: `passwd -> users/assign lines, ${asOriginal}`,
    load: async () => (await import('./qmail-pw2u.js')).qmailPw2u,
  },
  'qmail-getpw': {
    about: `which system user an address belongs to, ${asOriginal}`,
    load: async () => (await import('./qmail-getpw.js')).qmailGetpw,
  },
  'install-tools': {
    about: `--into DIR: makes links with the names of the original tools`,
    load: async () => (await import('./install-tools.js')).installTools,
  },
  watch: {
    about: `prints what changes on the host, live`,
    load: async () => (await import('./watch.js')).watch,
  },
  'postfix-maps': {
    about: `--into DIR: writes Postfix's maps, and keeps them current`,
    load: async () => (await import('./postfix-maps.js')).postfixMaps,
  },
};
const shortNames: Readonly<Record<string, string>> = { newu: 'qmail-newu', newmrh: 'qmail-newmrh' };

const layoutOptions: ReadonlyMap<string, keyof LayoutOptions> = new Map([
  ['--root', 'root'],
  ['--qmail-dir', 'qmailDir'],
  ['--vpopmail-dir', 'vpopmailDir'],
  ['--tcp-dir', 'tcpDir'],
]);

function usage(): string {
  const list = Object.entries(commands).map(([name, { about }]) => `  ${name.padEnd(14)} ${about}\n`);
  return `usage: vqmail COMMAND [--root DIR] [--qmail-dir DIR] [--vpopmail-dir DIR] [--tcp-dir DIR] ...\n${list.join('')}`;
}

/**
 * Takes the options that place the host out of the arguments.
 * @param anywhere whether they may stand behind other arguments; for the originals' tools they may not, whose arguments are not ours to search
 */
function takeLayout(args: readonly string[], anywhere: boolean): { layout: LayoutOptions; rest: string[] } {
  const layout: { -readonly [key in keyof LayoutOptions]: LayoutOptions[key] } = {};
  const rest: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const argument = args[at] ?? '';
    const [option, joined] = splitOption(argument);
    const key = anywhere || rest.length === 0 ? layoutOptions.get(option) : undefined;
    const value = key === undefined ? undefined : (joined ?? args[++at]);
    if (key === undefined) rest.push(argument);
    else if (value) layout[key] = value;
    else throw new PermanentError('5.5.4', `${option} needs a directory`);
  }
  return { layout, rest };
}

function splitOption(argument: string): [string, string | undefined] {
  const equals = argument.indexOf('=');
  return argument.startsWith('--') && equals > 0
    ? [argument.slice(0, equals), argument.slice(equals + 1)]
    : [argument, undefined];
}

async function main(): Promise<number> {
  const invoked = path.basename(process.argv[1] ?? '').replace(/\.js$/, '');
  const isLinked = Object.hasOwn(commands, invoked);
  const before = takeLayout(isLinked ? [] : processArguments(), false);
  const [name, ...args] = isLinked ? [invoked, ...processArguments()] : before.rest;
  if (name === undefined || name === '--help' || name === 'help') {
    (name === undefined ? process.stderr : process.stdout).write(usage());
    return name === undefined ? 100 : 0;
  }
  if (name === '--version') {
    process.stdout.write(`${await version()}\n`);
    return 0;
  }
  const fullName = shortNames[name] ?? name;
  const command = Object.hasOwn(commands, fullName) ? commands[fullName] : undefined;
  if (command === undefined) {
    process.stderr.write(`vqmail: there is no command ${name}\n${usage()}`);
    return 100;
  }
  const { layout, rest } = takeLayout(args, !command.about.includes(asOriginal));
  const tool = await command.load();
  const io = processIo(new Layout({ root: process.env.VQMAIL_ROOT, ...before.layout, ...layout }));
  const status = await tool(rest, io);
  await io.flushed();
  return status;
}

async function version(): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  const text = await readFile(new URL('../../../package.json', import.meta.url), 'utf8');
  return `vqmail ${(JSON.parse(text) as { version: string }).version}`;
}

main().then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    const isDefect = ![PermanentError, TemporaryError, ConfigurationError, CorruptFileError].some(
      (known) => error instanceof known,
    );
    const text = isDefect && error instanceof Error ? (error.stack ?? error.message) : describe(error);
    process.stderr.write(`vqmail: ${text}\n`);
    process.exitCode = error instanceof PermanentError ? 100 : 111;
  },
);
