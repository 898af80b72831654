// vuserinfo [-anpugcdqQCl] ADDRESS | -D DOMAIN: shows an account or all of a domain, as the original and with the domain's own rights. Exit 0; 255 for an unknown account,
// 1 when those rights cannot be had; nothing for an unknown domain.
//
// Ours beside it: `--json`, an object for an account, an array for a domain. A line of vpasswd that is no account is told on standard error and the rest is shown; the
// original's list ends there. A user database that cannot be read is trouble (111); for the original nobody is in it.

import { isUtf8 } from 'node:buffer';
import { type LastLogin, lastLogin, limitsInForce, usedPercent } from '../../admin/users/account-info.js';
import { mayAdminister } from '../../admin/users/domain-access.js';
import { accountNumber } from '../../formats/vpopmail/vpasswd.js';
import type { WholeRecord } from '../../formats/vpopmail/vpasswd-lines.js';
import { domainFiles } from '../../layout.js';
import { lower } from '../../mail/address.js';
import { accountsOf } from '../../stores/accounts/enumeration.js';
import { rawAccount } from '../../stores/accounts/raw-account.js';
import type { Domain } from '../../stores/domains/domain.js';
import type { Host } from '../../stores/host.js';
import { getopt } from '../getopt.js';
import type { ToolIo } from '../tool-io.js';
import { parseAddress, runAccountTool, shownName, takeLongOptions, versionLine } from './account-tool.js';

const usage = `vuserinfo: usage: [options] email_address
options: -v (print version number)
         -a (display all fields, this is the default)
         -n (display name field)
         -p (display crypted password)
         -u (display uid field)
         -g (display gid field)
         -c (display comment field)
         -d (display directory)
         -q (display quota field)
         -Q (display quota usage)
         -C (display clear text password)
         -l (display last authentication time)
         -D domainname (show all users on this domain)
`;

/** The letters of single fields in the order in which they are shown. */
const fieldLetters = 'npCugcdqQl';

interface Wanted {
  readonly address: string;
  /** Undefined: an account is asked for. */
  readonly domain: string | undefined;
  /** Empty: all fields. */
  readonly letters: string;
  readonly json: boolean;
}

/** The tool. @returns its exit code */
export async function vuserinfo(args: string[], io: ToolIo): Promise<number> {
  const { given, rest } = takeLongOptions(args, { json: false });
  const { options, operands } = getopt(rest, 'vanpugcdqQClD:', 'vuserinfo', io, true);
  const letters = new Set(options.map(({ letter }) => letter));
  if (letters.has('v')) io.stdout(versionLine);
  const domain = options.filter(({ letter }) => letter === 'D').at(-1)?.value || undefined;
  const [address = ''] = operands;
  if (letters.has('?') || (domain === undefined && address === '')) {
    io.stdout(usage);
    return 255;
  }
  // All fields unless a letter of a single one follows.
  const shown = options.map(({ letter }) => letter).filter((letter) => letter === 'a' || fieldLetters.includes(letter));
  const fields = shown.at(-1) === 'a' ? '' : [...fieldLetters].filter((letter) => letters.has(letter)).join('');
  const wanted = { address, domain, letters: fields, json: given.has('json') };
  return runAccountTool('vuserinfo', io, (host) => (domain === undefined ? one : all)(host, wanted, io));
}

async function one(host: Host, wanted: Wanted, io: ToolIo): Promise<number> {
  const account = parseAddress(wanted.address, host, io);
  const domain = account.domain === '' ? undefined : host.domain(account.domain);
  if (domain !== undefined && !mayRead(domain, io)) return unable(io);
  const record = domain === undefined ? undefined : rawAccount(domain, account.name);
  if (domain === undefined || record === undefined) {
    io.stdout(`no such user ${shownName({ name: account.name, domain: domain?.name ?? account.domain })}\n`);
    return 255;
  }
  await show(host, domain, record, wanted, io);
  return 0;
}

async function all(host: Host, wanted: Wanted, io: ToolIo): Promise<number> {
  const domain = host.domain(lower(wanted.domain ?? ''));
  if (domain === undefined) {
    if (wanted.json) io.stdout('[]\n');
    return 0;
  }
  if (!mayRead(domain, io)) return unable(io);
  const path = host.layout.host(domainFiles.vpasswd(domain.directory));
  const records = accountsOf(domain, (line) => io.stderr(`vuserinfo: ${path}:${line}: this line is no account\n`));
  if (wanted.json) io.stdout('[');
  for (const [index, record] of records.entries()) {
    if (wanted.json) io.stdout(index === 0 ? '\n' : ',\n');
    await show(host, domain, record, wanted, io);
    await io.flushed();
  }
  if (wanted.json) io.stdout('\n]\n');
  return 0;
}

/** Becomes the domain's owner, as the original does; whoever owns the directory of a tree of an ordinary user's is that already. */
function mayRead(domain: Domain, io: ToolIo): boolean {
  return io.become(domain.uid, domain.gid) || (process.geteuid?.() !== 0 && mayAdminister(domain));
}

function unable(io: ToolIo): number {
  io.stdout('Error: unable to setuid\n');
  return 1;
}

async function show(host: Host, domain: Domain, record: WholeRecord, wanted: Wanted, io: ToolIo): Promise<void> {
  const directory = record.dir === '' ? '' : host.layout.disk(record.dir);
  const used = (): Promise<number | undefined> => usedPercent(domain, directory, record.quota, 0o644 & ~io.umask);
  if (wanted.json) {
    const text = JSON.stringify(await jsonOf(domain, record, directory, wanted.letters, used));
    io.stdout(Buffer.from(wanted.domain === undefined ? `${text}\n` : text));
  } else if (wanted.letters === '') io.stdout(await everything(domain, record, directory, used));
  else for (const letter of wanted.letters) io.stdout(await oneField(letter, record, directory, used));
}

async function oneField(
  letter: string,
  record: WholeRecord,
  directory: string,
  used: () => Promise<number | undefined>,
): Promise<string> {
  if (letter === 'l') return loginLines(lastLogin(directory));
  const values: Readonly<Record<string, () => string | Promise<string>>> = {
    n: () => record.name,
    p: () => record.passwd,
    C: () => record.clearPasswd,
    u: () => String(accountNumber(record.uid)),
    g: () => String(accountNumber(record.gid)),
    c: () => record.gecos,
    d: () => record.dir,
    q: () => record.quota,
    Q: async () => percentText(await used()),
  };
  return `${(await values[letter]?.()) ?? ''}\n`;
}

async function everything(
  domain: Domain,
  record: WholeRecord,
  directory: string,
  used: () => Promise<number | undefined>,
): Promise<string> {
  const { name, passwd, clearPasswd, gecos, dir, quota } = record;
  const { flags, limits } = limitsInForce(domain, record.gid);
  const shown = limits.map(({ text, byDomain }) => `        ${text}${byDomain ? ' (*)' : ''}\n`);
  if (limits.some(({ byDomain }) => byDomain)) shown.push('        * = set by domain-wide limits\n');
  return [
    `name:   ${name}\n`,
    `passwd: ${passwd}\n`,
    `clear passwd: ${clearPasswd}\n`,
    `comment/gecos: ${gecos}\n`,
    `uid:    ${accountNumber(record.uid)}\n`,
    `gid:    ${accountNumber(record.gid)}\n`,
    `flags:  ${flags}\n`,
    `gecos: ${gecos}\n`,
    flags === 0 ? 'limits: No user limits set.\n' : `limits:\n${shown.join('')}`,
    `dir:       ${dir}\n`,
    `quota:     ${quota}\n`,
    `usage:     ${percentText(await used())}\n`,
    loginLines(lastLogin(directory)),
  ].join('');
}

function percentText(percent: number | undefined): string {
  return percent === undefined ? 'NOQUOTA' : `${percent}%`;
}

function loginLines(login: LastLogin | undefined): string {
  if (login === undefined) return 'last auth: Never logged in\n';
  const { time, address } = login;
  if (address === undefined) return `account created: ${asctime(time)}\nlast auth: Never logged in\n`;
  return `last auth: ${asctime(time)}\nlast auth ip: ${address}\n`;
}

/** As asctime(3) with localtime(3): `Tue Nov 14 22:13:20 2023`. */
function asctime(unixSeconds: number): string {
  const date = new Date(unixSeconds * 1000);
  const [weekday = '', month = ''] = date.toString().split(' ');
  const two = (value: number): string => String(value).padStart(2, '0');
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  return `${weekday} ${month} ${String(date.getDate()).padStart(2)} ${clock} ${date.getFullYear()}`;
}

async function jsonOf(
  domain: Domain,
  record: WholeRecord,
  directory: string,
  letters: string,
  used: () => Promise<number | undefined>,
): Promise<Record<string, unknown>> {
  const wants = (letter: string): boolean => letters === '' || letters.includes(letter);
  const { flags, limits } = limitsInForce(domain, record.gid);
  const login = lastLogin(directory);
  return {
    name: readable(record.name),
    domain: readable(domain.name),
    ...(wants('p') && { passwd: readable(record.passwd) }),
    ...(wants('C') && { clearPasswd: readable(record.clearPasswd) }),
    ...(wants('c') && { gecos: readable(record.gecos) }),
    ...(wants('u') && { uid: accountNumber(record.uid) }),
    ...(wants('g') && { gid: accountNumber(record.gid), flags }),
    ...(letters === '' && { limits: limits.map(({ flag, byDomain }) => ({ flag, byDomain })) }),
    ...(wants('d') && { dir: readable(record.dir) }),
    ...(wants('q') && { quota: readable(record.quota) }),
    ...(wants('Q') && { usedPercent: (await used()) ?? null }),
    ...(wants('l') && {
      created: login !== undefined && login.address === undefined ? isoTime(login.time) : null,
      lastLogin: login?.address === undefined ? null : { time: isoTime(login.time), address: readable(login.address) },
    }),
  };
}

function isoTime(unixSeconds: number): string {
  return new Date(unixSeconds * 1000).toISOString();
}

/** For people: UTF-8 where the bytes are that, else Latin-1. */
function readable(text: string): string {
  const bytes = Buffer.from(text, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : text;
}
