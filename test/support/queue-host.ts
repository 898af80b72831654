// An empty queue below a root, as `make setup` leaves it (fixtures/recordings/queue/empty-tree.json), with the accounts of qmail in the root's own etc/passwd.

import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Layout } from '../../src/layout.js';

/** uid and gid of the recordings. */
export const queueIds = {
  alias: 6001,
  qmaild: 6002,
  qmailq: 6010,
  qmailr: 6011,
  qmails: 6012,
  nofiles: 6000,
  qmail: 6010,
} as const;

const isRoot = process.getuid?.() === 0;

/** Makes the queue and the accounts. @param options split as compiled into qmail; bigTodo: with the patch of that name */
export function makeQueue(root: string, options: { split?: number; bigTodo?: boolean } = {}): Layout {
  const layout = new Layout({ root });
  const split = options.split ?? 23;
  makeAccounts(root);
  const { qmailq, qmails, qmail } = queueIds;
  const make = (name: string, mode: number, uid: number, isSplit = false): void => {
    const places = isSplit ? Array.from({ length: split }, (_, place) => `${name}/${place}`) : [];
    for (const place of [name, ...places]) {
      const directory = path.join(layout.queue, place);
      mkdirSync(directory, { recursive: true, mode });
      if (isRoot) chownSync(directory, uid, qmail);
    }
  };
  make('', 0o750, qmailq);
  make('pid', 0o700, qmailq);
  make('mess', 0o750, qmailq, true);
  make('intd', 0o700, qmailq, options.bigTodo);
  make('todo', 0o750, qmailq, options.bigTodo);
  for (const name of ['info', 'local', 'remote']) make(name, 0o700, qmails, true);
  make('bounce', 0o700, qmails);
  make('lock', 0o750, qmailq);
  mkdirSync(layout.controlDirectory, { recursive: true });
  writeFileSync(path.join(layout.queue, 'lock/sendmutex'), '', { mode: 0o600 });
  writeFileSync(path.join(layout.queue, 'lock/tcpto'), Buffer.alloc(1024), { mode: 0o644 });
  execFileSync('mkfifo', ['-m', '0622', path.join(layout.queue, 'lock/trigger')]);
  if (isRoot)
    for (const name of ['sendmutex', 'trigger']) chownSync(path.join(layout.queue, 'lock', name), qmails, qmail);
  return layout;
}

/** Adds the accounts to those that the root has. */
function makeAccounts(root: string): void {
  const users = ['alias', 'qmaild', 'qmailq', 'qmailr', 'qmails'] as const;
  mkdirSync(path.join(root, 'etc'), { recursive: true });
  for (const name of users) {
    const gid = name === 'alias' || name === 'qmaild' ? queueIds.nofiles : queueIds.qmail;
    addLine(path.join(root, 'etc/passwd'), `${name}:x:${queueIds[name]}:${gid}::/var/qmail:/bin/false\n`);
  }
  for (const name of ['qmail', 'nofiles'] as const)
    addLine(path.join(root, 'etc/group'), `${name}:x:${queueIds[name]}:\n`);
}

function addLine(file: string, line: string): void {
  const [name = ''] = line.split(':', 1);
  const text = existsSync(file) ? readFileSync(file, 'latin1') : '';
  if (!text.split('\n').some((other) => other.startsWith(`${name}:`))) writeFileSync(file, text + line);
}
