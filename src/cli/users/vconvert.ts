// vconvert FROM TO [DOMAIN...]: converts user databases, as the original built for cdb does, where most pairs have nothing to do. Exit 0 once the options are right.
//
//   -c -m, -m -c     nothing, for each domain, or for all
//   -e -c            adds the host's own users that have a password hash in etc/shadow; -p FILE: those of FILE, lines `user:hash`, instead
//   -S               writes each account's hash to Maildir/sqwebmail-pass: TAB, hash, LF
//
// What is printed of a user that is not taken over is `skipping NAME`.

import fs from 'node:fs';
import path from 'node:path';
import { addUser } from '../../admin/users/add-user.js';
import { VpopmailError } from '../../admin/vpopmail-error.js';
import { giveTo } from '../../files/owner.js';
import { bytesPath, readIfPresent } from '../../files/read.js';
import { accountFiles } from '../../layout.js';
import { lower } from '../../mail/address.js';
import { listedDomains } from '../../stores/accounts/domain-list.js';
import { accountsOf } from '../../stores/accounts/enumeration.js';
import type { Host } from '../../stores/host.js';
import { type GivenOption, getopt } from '../getopt.js';
import { argumentPath, type ToolIo } from '../tool-io.js';
import { runAccountTool, versionLine } from './account-tool.js';

const usage = `vconvert: usage
 The first option sets which format to convert FROM,
 the second option sets which format to convert TO.
 -e = etc format
 -c = cdb format
 -m = sql format
 -S = set sqwebmail passwords
 -v = version
 -d = debug info
`;

/** A system user with its hash and comment. */
interface SystemPassword {
  readonly name: string;
  readonly hash: string;
  readonly gecos: string;
}

type Conversion = (host: Host, domain: string, io: ToolIo) => Promise<void>;

/** The tool. @returns its exit code */
export async function vconvert(args: string[], io: ToolIo): Promise<number> {
  const { options, operands } = getopt(args, 'vdcmeSp:', 'vconvert', io, true);
  if (options.some(({ letter }) => letter === 'v')) io.stdout(versionLine);
  const conversion = conversionOf(options);
  if (conversion === undefined) {
    io.stdout(usage);
    return 255;
  }
  return runAccountTool('vconvert', io, async (host) => {
    for (const name of operands) {
      io.stdout(`converting ${name} `);
      await conversion(host, lower(name), io);
      io.stdout('done\n');
    }
    for (const { name, realName } of operands.length > 0 ? [] : (listedDomains(host.layout) ?? [])) {
      if (name !== realName) io.stdout(`${name} is an alias of ${realName}.\n`);
      else {
        io.stdout(`converting ${name}...    `);
        await conversion(host, name, io);
        io.stdout('done\n');
      }
    }
    return 0;
  });
}

function conversionOf(options: readonly GivenOption[]): Conversion | undefined {
  const formats = options.map(({ letter }) => letter).filter((letter) => 'cme'.includes(letter));
  const file = options.find(({ letter }) => letter === 'p')?.value;
  if (options.some(({ letter }) => letter === 'S')) return writeWebmailPasswords;
  if (file !== undefined) return (host, domain, io) => takeOver(host, domain, passwordFile(argumentPath(file, io)), io);
  const [from, to] = formats;
  if (from === undefined || to === undefined) return undefined;
  if (from === 'e' && to === 'c')
    return (host, domain, io) => takeOver(host, domain, systemPasswords(path.join(host.layout.root, 'etc')), io);
  return async () => {};
}

async function takeOver(host: Host, domain: string, users: Iterable<SystemPassword>, io: ToolIo): Promise<void> {
  for (const { name, hash, gecos } of users) {
    try {
      // No hash, a locked account, or one that no password fits.
      if (!/^[./0-9A-Za-z$_]{3,}$/.test(hash) || hash === 'x') throw new VpopmailError('illegalUsername');
      const comment = gecos.replace(/[:\x00-\x1f\x7f]/g, ' ').slice(0, 48);
      await addUser(host, { name, domain, secret: { hash }, gecos: comment });
    } catch (error) {
      if (!(error instanceof VpopmailError)) throw error;
      io.stdout(`skipping ${name}\n`);
    }
  }
}

function* systemPasswords(etc: string): Generator<SystemPassword> {
  const hashes = new Map<string, string>();
  for (const [name = '', hash = ''] of fieldsOf(path.join(etc, 'shadow'))) hashes.set(name, hash);
  for (const [name = '', own = '', , , gecos = ''] of fieldsOf(path.join(etc, 'passwd')))
    yield { name, hash: hashes.get(name) ?? own, gecos };
}

function* passwordFile(file: string): Generator<SystemPassword> {
  for (const [name = '', hash = ''] of fieldsOf(file)) yield { name, hash, gecos: '' };
}

function fieldsOf(file: string): string[][] {
  const text = readIfPresent(file)?.toString('latin1') ?? '';
  return text
    .split('\n')
    .filter((line) => line.includes(':'))
    .map((line) => line.split(':'));
}

async function writeWebmailPasswords(host: Host, name: string, io: ToolIo): Promise<void> {
  const domain = host.domain(name);
  for (const { dir, passwd } of domain === undefined ? [] : accountsOf(domain)) {
    const maildir = accountFiles.maildir(host.layout.disk(dir));
    try {
      const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = fs.constants;
      const file = bytesPath(path.join(maildir, 'sqwebmail-pass'));
      const fd = fs.openSync(file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o666 & ~io.umask);
      try {
        fs.writeSync(fd, `\t${passwd}\n`, null, 'latin1');
        giveTo(fd, domain?.uid ?? 0, domain?.gid ?? 0);
      } finally {
        fs.closeSync(fd);
      }
    } catch {
      // An account without a Maildir has no webmail.
    }
  }
}
