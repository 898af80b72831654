// Who listens on which TCP port of this machine, by /proc/net/tcp and the descriptors of the processes (proc(5)). Only root sees the descriptors of others.

import fs from 'node:fs';
import { errnoOf } from '../../src/errors.js';
import type { Looker } from './part.js';

export interface HeldPort {
  readonly address: string;
  readonly port: number;
  /** What is customary there, such as `smtp`. */
  readonly protocol: string | undefined;
  /** `undefined`: nobody whom we could look at. */
  readonly pid: number | undefined;
  /** Its command line, cut; empty when it is not known. */
  readonly command: string;
}

export const mailPorts: Readonly<Record<number, string>> = {
  25: 'smtp',
  106: 'poppassd',
  110: 'pop3',
  143: 'imap',
  465: 'smtps',
  587: 'submission',
  628: 'qmqp',
  783: 'spamd',
  993: 'imaps',
  995: 'pop3s',
  4190: 'managesieve',
};

const listening = '0A';
const longestCommand = 120;

/** The listeners on customary mail ports. @param proc where proc(5) is */
export function heldPorts(looker: Looker, proc = '/proc'): HeldPort[] {
  const sockets = ['tcp', 'tcp6'].flatMap((name) => listeners(looker.text(`${proc}/net/${name}`) ?? ''));
  const wanted = sockets.filter(({ port }) => mailPorts[port] !== undefined);
  if (sockets.length === 0) looker.note(`${proc}/net/tcp`, 'shows no listening port');
  const owners = ownersOf(new Set(wanted.map(({ inode }) => inode)), looker, proc);
  const ports = wanted.map(({ address, port, inode }): HeldPort => {
    const pid = owners.get(inode);
    const command = pid === undefined ? '' : commandOf(pid, proc);
    return { address, port, protocol: mailPorts[port], pid, command };
  });
  return ports.sort((a, b) => a.port - b.port || (a.address < b.address ? -1 : 1));
}

interface ListeningSocket {
  readonly address: string;
  readonly port: number;
  readonly inode: string;
}

function listeners(table: string): ListeningSocket[] {
  return table
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const fields = line.trim().split(/\s+/);
      const [, local = '', , state] = fields;
      const [address = '', port = ''] = local.split(':');
      return state === listening && port !== ''
        ? [{ address: addressText(address), port: Number.parseInt(port, 16), inode: fields[9] ?? '' }]
        : [];
    });
}

/** The kernel writes addresses as words of 32 bits in its own byte order. */
function addressText(hex: string): string {
  const words = (hex.match(/.{8}/g) ?? []).map((word) => Buffer.from(word, 'hex').reverse());
  if (words.length === 1) return [...(words[0] ?? [])].join('.');
  const bytes = Buffer.concat(words);
  if (bytes.every((byte) => byte === 0)) return '[::]';
  if (bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff) return [...bytes.subarray(12)].join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16)).join(':');
  return `[${groups.replace(/(^|:)0(:0)+(:|$)/, '::')}]`;
}

/** The process that has each of these sockets open; of several the one that was started first. */
function ownersOf(inodes: ReadonlySet<string>, looker: Looker, proc: string): Map<string, number> {
  const owners = new Map<string, number>();
  let hidden = 0;
  for (const pid of looker
    .names(proc)
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b)) {
    try {
      for (const fd of fs.readdirSync(`${proc}/${pid}/fd`)) {
        const inode = /^socket:\[([0-9]+)\]$/.exec(linkOf(`${proc}/${pid}/fd/${fd}`))?.[1];
        if (inode !== undefined && inodes.has(inode) && !owners.has(inode)) owners.set(inode, pid);
      }
    } catch (error) {
      if (errnoOf(error) === 'EACCES' || errnoOf(error) === 'EPERM') hidden++;
    }
  }
  if (hidden > 0 && owners.size < inodes.size)
    looker.note(
      `${proc}/PID/fd`,
      `this user may not look at ${hidden} processes, so who holds a port may be unknown; try as root`,
    );
  return owners;
}

function linkOf(path: string): string {
  try {
    return fs.readlinkSync(path);
  } catch {
    return '';
  }
}

function commandOf(pid: number, proc: string): string {
  try {
    const words = fs.readFileSync(`${proc}/${pid}/cmdline`, 'latin1').split('\0');
    return words.join(' ').trim().slice(0, longestCommand);
  } catch {
    return '';
  }
}
