// A vpopmail domain whose owner is a real user of this machine, for programs that look their user up; with our tools in the places of qmail's and vpopmail's, and a queue that keeps what is
// put into it. Deliveries are qmail-local's, run with the arguments, uid, gid and umask that qmail-lspawn gives.

import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { assignRecords, parseAssign } from '../../src/formats/controls/users-assign.js';
import { makeCdb } from '../../src/formats/databases/cdb.js';
import type { Layout } from '../../src/layout.js';
import { makeDeliveryHost } from './delivery-host.js';
import { newRoot, removeRoot } from './recording.js';
import { vqmailProgram } from './started-server.js';

/** How a delivery ended: qmail-local's exit code and report. */
export interface Delivered {
  readonly exit: number | null;
  readonly report: string;
}

/** A message in the queue, and its envelope. */
export interface Queued {
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly message: string;
}

export interface FilterHost {
  readonly root: string;
  readonly layout: Layout;
  /** The domain's directory, which is also its place as programs see it. */
  readonly domain: string;
  /** Writes a file below the domain's directory, for its owner alone unless `mode` is given. */
  write(name: string, text: string, mode?: number): void;
  /** Makes a Maildir below the domain's directory. */
  maildir(name: string): void;
  /** The messages in new/ of a Maildir below the domain's directory. */
  mail(name: string): string[];
  /** Delivers to LOCAL@example.jp as the domain's user. */
  deliver(local: string, message: string, sender?: string): Promise<Delivered>;
  /** What is in the queue; it is empty afterwards. */
  queued(): Queued[];
  remove(): void;
}

const user = 'nobody';
const tools = {
  'var/qmail/bin': [
    'qmail-queue',
    'qmail-inject',
    'forward',
    'condredirect',
    'bouncesaying',
    'except',
    'preline',
    'sendmail',
  ],
  'home/vpopmail/bin': ['vdelivermail', 'vuserinfo'],
} as const;

/** Makes the host. Needs root. */
export function filterHost(): FilterHost {
  const root = newRoot('vqmail-filters');
  fs.chmodSync(root, 0o755);
  const layout = makeDeliveryHost(root, { accounts: 2 });
  const [uid = 0, gid = 0] = ['-u', '-g'].map((option) => Number(execFileSync('id', [option, user]).toString()));
  const domain = layout.disk('/home/vpopmail/domains/example.jp');
  const assign = Buffer.from(`+example.jp-:example.jp:${uid}:${gid}:/home/vpopmail/domains/example.jp:-::\n.\n`);
  fs.writeFileSync(layout.assign, assign);
  fs.writeFileSync(layout.usersCdb, makeCdb(assignRecords(parseAssign(assign))));
  execFileSync('chown', ['-R', `${uid}:${gid}`, domain]);
  installTools(root);
  makeOpenQueue(layout.queue);
  const give = (file: string): void => fs.chownSync(file, uid, gid);
  return {
    root,
    layout,
    domain,
    write(name, text, mode = 0o600) {
      const file = path.join(domain, name);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, text, 'latin1');
      fs.chmodSync(file, mode);
      give(path.dirname(file));
      give(file);
    },
    maildir(name) {
      const parts = ['', 'tmp', 'new', 'cur'].map((part) => path.join(domain, name, part));
      for (const part of parts) fs.mkdirSync(part, { recursive: true, mode: 0o700 });
      parts.forEach(give);
    },
    mail(name) {
      const place = path.join(domain, name, 'new');
      return fs.readdirSync(place).map((file) => fs.readFileSync(path.join(place, file), 'latin1'));
    },
    deliver(local, message, sender = 'ann@example.org') {
      const input = path.join(root, 'message');
      fs.writeFileSync(input, message, 'latin1');
      const address = `example.jp-${local}`;
      const args = ['--', 'example.jp', '/home/vpopmail/domains/example.jp', address, '-', local, 'example.jp', sender];
      return run(root, [...args, './Maildir/'], input, { uid, gid });
    },
    queued: () => takeQueued(layout.queue),
    remove: () => removeRoot(root),
  };
}

/** Our tools under the names of the originals. What names a place on the host is told its place on the disk, since programs see the disk. */
function installTools(root: string): void {
  for (const [directory, names] of Object.entries(tools)) {
    fs.mkdirSync(path.join(root, directory), { recursive: true });
    for (const name of names) {
      const behind = name === 'vuserinfo' ? ` | sed 's|^/home/|${root}/home/|'` : '';
      const call = `env VQMAIL_ROOT=${root} ${process.execPath} ${vqmailProgram} ${name} "$@"`;
      const script = `#!/bin/sh\n${behind === '' ? `exec ${call}` : `${call}${behind}`}\n`;
      fs.writeFileSync(path.join(root, directory, name), script, { mode: 0o755 });
    }
  }
}

/** A queue that everybody may write: ours has no set-user-id program. */
function makeOpenQueue(queue: string): void {
  const places = Array.from({ length: 23 }, (_, place) => `mess/${place}`);
  for (const name of ['pid', 'intd', 'todo', 'lock', ...places]) {
    fs.mkdirSync(path.join(queue, name), { recursive: true });
    fs.chmodSync(path.join(queue, name), 0o777);
  }
}

function takeQueued(queue: string): Queued[] {
  // Numbers are those of inodes, which come in any order.
  const madeAt = (id: string): number => fs.statSync(path.join(queue, 'todo', id)).mtimeMs;
  const ids = fs.readdirSync(path.join(queue, 'todo')).sort((a, b) => madeAt(a) - madeAt(b));
  return ids.map((id) => {
    const envelope = fs.readFileSync(path.join(queue, 'todo', id), 'latin1').split('\0');
    const of = (letter: string): string[] =>
      envelope.filter((record) => record.startsWith(letter)).map((record) => record.slice(1));
    const file = path.join(queue, 'mess', String(Number(id) % 23), id);
    const message = fs.readFileSync(file, 'latin1');
    for (const used of [file, path.join(queue, 'todo', id), path.join(queue, 'intd', id)]) fs.rmSync(used);
    return { sender: of('F')[0] ?? '', recipients: of('T'), message };
  });
}

function run(
  root: string,
  args: readonly string[],
  input: string,
  who: { uid: number; gid: number },
): Promise<Delivered> {
  const stdin = fs.openSync(input, 'r');
  const environment = { PATH: `${root}/var/qmail/bin:${process.env.PATH}`, TZ: 'UTC', LC_ALL: 'C', VQMAIL_ROOT: root };
  const child = spawn(
    '/bin/sh',
    ['-c', 'umask 077; exec "$@" 2>&1', 'sh', process.execPath, vqmailProgram, 'qmail-local', ...args],
    {
      cwd: '/',
      stdio: [stdin, 'pipe', 'ignore'],
      env: environment,
      ...who,
    },
  );
  fs.closeSync(stdin);
  let report = '';
  child.stdout?.setEncoding('latin1').on('data', (text: string) => {
    report += text;
  });
  return new Promise((resolve) => child.once('close', (exit) => resolve({ exit, report })));
}
