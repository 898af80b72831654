// vpopbull [-v] [-V] [-n] [-c | -h | -s] [-e EXCLUDED] -f MESSAGE [DOMAIN...]: a message for everybody of these domains, or of all, as the original. Exit 0, or 255.
//
//   -c   each account gets a copy with `To: ADDRESS` above it, and a Date if the message has none      -h   a hard link to MESSAGE      -s   a symbolic link to it
//   -n   nobody gets anything, the addresses are listed       -V   lists those that got it       -e FILE   addresses that are left out, one a line, in lower case
//
// Accounts are those of vpasswd, aliases of domains are passed over (one that is named stands for its real domain). Names in new/ are TIME.PID.HOST, the same for all, without a
// size; neither quota nor maildirsize counts them. An account without directory gets one. A copy lies synced in tmp/ before it appears in new/. Both kinds of links give MESSAGE mode 0600 and the owner of the mail.
// A Maildir that cannot be written to is told, and the others are served.
// Not copied: the files belong to vpopmail whoever's domain it is; here they are the domain's, which the mail server of another owner can read.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { giveDirectory } from '../../admin/give-directory.js';
import { describe, errnoOf, TemporaryError } from '../../errors.js';
import { statusOf } from '../../files/identity.js';
import { mayChangeOwner } from '../../files/owner.js';
import { bytesPath, readIfPresent } from '../../files/read.js';
import { accountFiles } from '../../layout.js';
import { lower } from '../../mail/address.js';
import { rfc5322Date } from '../../mail/dates.js';
import { type ListedDomain, listedDomains } from '../../stores/accounts/domain-list.js';
import { accountsOf } from '../../stores/accounts/enumeration.js';
import type { Host } from '../../stores/host.js';
import { makeAccountDirectory } from '../../stores/maildir/maildir.js';
import { MessageFile } from '../../stores/maildir/maildir-message.js';
import { getopt } from '../getopt.js';
import { argumentPath, type ToolIo } from '../tool-io.js';
import { runAccountTool, versionLine } from '../users/account-tool.js';

const usage = `usage: vpopbull [options] -f [email_file] [virtual_domain] [...]
       -v (print version number)
       -V (verbose)
       -f email_file (file with message contents)
       -e exclude_email_addr_file (list of addresses to exclude)
       -n (don't mail. Use with -V to list accounts)
       -c (default, copy file)
       -h (use hard links)
       -s (use symbolic links)
`;

interface Wanted {
  /** Undefined: none was given. */
  readonly message: string | undefined;
  readonly excluded: string;
  readonly kind: 'copy' | 'hard' | 'symbolic';
  readonly verbose: boolean;
  readonly mails: boolean;
  readonly domains: readonly string[];
}

/** What is put into each Maildir. */
interface Bulletin {
  readonly kind: Wanted['kind'];
  /** Disk path of the message. */
  readonly file: string;
  readonly bytes: Buffer;
  readonly hasDate: boolean;
  readonly unixSeconds: number;
}

/** How many Maildirs are written to at once. */
const atOnce = 16;

/** The tool. @returns its exit code */
export async function vpopbull(args: string[], io: ToolIo): Promise<number> {
  if (args.length === 0) return showUsage(io);
  const wanted = readArguments(args, io);
  if (typeof wanted === 'number') return wanted;
  if (wanted.mails && wanted.message === undefined) {
    io.stderr('Error: email_file not specified\n');
    return showUsage(io);
  }
  return runAccountTool('vpopbull', io, async (host) => {
    const bulletin = wanted.message === undefined ? undefined : readBulletin(wanted.message, wanted.kind, io);
    if (typeof bulletin === 'number') return bulletin;
    const excluded = excludedAddresses(wanted.excluded, io);
    if (excluded === undefined) return 255;
    await toDomains(host, wanted, { bulletin: wanted.mails ? bulletin : undefined, excluded }, io);
    return 0;
  });
}

function readArguments(args: readonly string[], io: ToolIo): Wanted | number {
  const { options, operands } = getopt(args, 'vVf:e:nchs', 'vpopbull', io, true);
  let message: string | undefined;
  let [excluded, verbose, mails] = ['', false, true];
  let kind: Wanted['kind'] = 'copy';
  for (const { letter, value = '' } of options) {
    if (letter === 'v') io.stdout(versionLine);
    else if (letter === 'V') verbose = true;
    else if (letter === 'f') message = value;
    else if (letter === 'e') excluded = value;
    else if (letter === 'n') mails = false;
    else if (letter === 'c') kind = 'copy';
    else if (letter === 'h') kind = 'hard';
    else if (letter === 's') kind = 'symbolic';
    else return showUsage(io);
  }
  return { message, excluded, kind, verbose, mails, domains: operands };
}

function showUsage(io: ToolIo): number {
  io.stdout(usage);
  return 255;
}

/** A file argument: a path of the host, below --root, or else one of this machine. */
function fileArgument(argument: string, io: ToolIo): string {
  const plain = argumentPath(argument, io);
  const onHost = io.layout.disk(plain);
  return fs.statSync(bytesPath(onHost), { throwIfNoEntry: false }) === undefined ? plain : onHost;
}

function readBulletin(message: string, kind: Wanted['kind'], io: ToolIo): Bulletin | number {
  const file = fileArgument(message, io);
  const bytes = readOrTell(file, message, io);
  if (bytes === undefined) return 255;
  if (bytes.length === 0) {
    io.stderr(`Error: ${message} is empty\n`);
    return 255;
  }
  return { kind, file, bytes, hasDate: hasDate(bytes), unixSeconds: Math.floor(Date.now() / 1000) };
}

function readOrTell(file: string, shown: string, io: ToolIo): Buffer | undefined {
  try {
    const bytes = readIfPresent(file);
    if (bytes !== undefined) return bytes;
  } catch (error) {
    io.stderr(`${describe(error)}\n`);
  }
  io.stderr(`Could not open file ${shown}\n`);
  return undefined;
}

function hasDate(message: Buffer): boolean {
  const text = message.toString('latin1');
  const end = text.search(/\n\r?\n/);
  return /^date:/im.test(end < 0 ? text : text.slice(0, end));
}

function excludedAddresses(file: string, io: ToolIo): ReadonlySet<string> | undefined {
  if (file === '') return new Set();
  const bytes = readOrTell(fileArgument(file, io), file, io);
  const lines = bytes?.toString('latin1').split(/\r?\n/);
  return lines === undefined ? undefined : new Set(lines);
}

async function toDomains(
  host: Host,
  wanted: Wanted,
  { bulletin, excluded }: { bulletin: Bulletin | undefined; excluded: ReadonlySet<string> },
  io: ToolIo,
): Promise<void> {
  for (const domain of chosenDomains(host, wanted.domains, io)) {
    let waiting: Promise<() => void>[] = [];
    const told = async (): Promise<void> => {
      for (const tell of await Promise.all(waiting)) tell();
      waiting = [];
    };
    for (const { name, dir } of accountsOf(domain)) {
      const address = `${name}@${domain.realName}`;
      if (excluded.has(address)) continue;
      if (bulletin === undefined) io.stdout(`${address}\n`);
      else waiting.push(toAccount(host, bulletin, domain, { name, dir }, wanted.verbose, io));
      if (waiting.length >= atOnce) await told();
    }
    await told();
    await io.flushed();
  }
}

function* chosenDomains(host: Host, names: readonly string[], io: ToolIo): Generator<ListedDomain> {
  for (const name of names) {
    const found = host.domain(lower(name));
    if (found === undefined) io.stderr(`Error: domain ${name} does not exist\n`);
    else yield { ...placeOf(found), name: found.name, realName: found.name, hostDirectory: found.hostDirectory };
  }
  if (names.length > 0) return;
  for (const domain of listedDomains(host.layout) ?? []) {
    if (domain.name === domain.realName) yield domain;
    else io.stderr(`skipping ${domain.name} (alias of ${domain.realName})\n`);
  }
}

function placeOf({ directory, uid, gid }: { directory: string; uid: number; gid: number }): {
  directory: string;
  uid: number;
  gid: number;
} {
  return { directory, uid, gid };
}

/** Gives the bulletin to an account. @returns what tells of it, for the original's order */
async function toAccount(
  host: Host,
  bulletin: Bulletin,
  domain: ListedDomain,
  { name, dir }: { name: string; dir: string },
  isVerbose: boolean,
  io: ToolIo,
): Promise<() => void> {
  const address = `${name}@${domain.realName}`;
  let shown = dir;
  try {
    const home = await homeOf(host, domain, name, dir, io);
    if (home === undefined) return () => io.stderr(`Auto creation of maildir failed for ${address}\n`);
    shown = host.layout.host(home);
    const trouble = await put(bulletin, domain, address, home);
    return () => {
      if (trouble !== undefined) io.stderr(`${trouble}\n`);
      if (isVerbose) io.stdout(`${address}\n`);
    };
  } catch (error) {
    if (errnoOf(error) === undefined && !(error instanceof TemporaryError)) throw error;
    return () => io.stderr(`${address}: ERROR COPYING TO ${shown}\n`);
  }
}

/** The directory (disk path) of an account, made if it is missing; undefined when it has none and cannot get one. @throws TemporaryError */
async function homeOf(
  host: Host,
  { directory, uid, gid, realName }: ListedDomain,
  name: string,
  dir: string,
  io: ToolIo,
): Promise<string | undefined> {
  if (dir === '') {
    const domain = host.domain(realName);
    const account = domain?.account(name);
    if (domain === undefined || account === undefined) return undefined;
    return (await giveDirectory(host.layout, domain, account, 0o666 & ~io.umask))?.directory;
  }
  const home = host.layout.disk(dir);
  if (statusOf(bytesPath(home)) === undefined) await makeAccountDirectory(home, directory, { uid, gid });
  return home;
}

/** @returns what is wrong with a link, which the original takes for done @throws the system error, TemporaryError */
async function put(
  bulletin: Bulletin,
  owner: { uid: number; gid: number },
  address: string,
  home: string,
): Promise<string | undefined> {
  const maildir = accountFiles.maildir(home);
  // Of two bulletins in one second the later one sorts behind.
  const name = `${bulletin.unixSeconds}.${String(process.pid).padStart(7, '0')}.${os.hostname()}`;
  if (bulletin.kind === 'copy') {
    await copyInto(bulletin, maildir, name, address, owner);
    return undefined;
  }
  try {
    linkInto(bulletin, maildir, name, owner);
    return undefined;
  } catch (error) {
    return `vpopbull: ${address}: ${describe(error)}`;
  }
}

async function copyInto(
  { bytes, hasDate: isDated, unixSeconds }: Bulletin,
  maildir: string,
  name: string,
  address: string,
  owner: { uid: number; gid: number },
): Promise<void> {
  const date = isDated ? '' : `Date: ${rfc5322Date(unixSeconds)}\n`;
  const file = MessageFile.create(maildir, owner, name);
  try {
    file.write([Buffer.from(`To: ${address}\n${date}`, 'latin1'), bytes]);
    await file.sync();
    file.move('plain');
    await file.syncEntry();
  } catch (error) {
    file.discard();
    throw error;
  }
}

function linkInto({ kind, file }: Bulletin, maildir: string, name: string, owner: { uid: number; gid: number }): void {
  const target = bytesPath(path.join(maildir, 'new', name));
  if (kind === 'hard') fs.linkSync(bytesPath(file), target);
  else fs.symlinkSync(bytesPath(file), target);
  if (mayChangeOwner()) fs.chownSync(bytesPath(file), owner.uid, owner.gid);
  fs.chmodSync(bytesPath(file), 0o600);
}
