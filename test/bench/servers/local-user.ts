// A user of the host for whom the queue needs that user's rights: mail for his own Maildir, for a program, and to be sent on. For vqmail he is in the tree's own passwd; Postfix looks into the
// system's, so there it is nobody, and the other two are aliases.

import fs from 'node:fs';
import path from 'node:path';
import type { Layout } from '../../../src/layout.js';
import type { PostfixOptions } from './postfix.js';
import { accountNames, mailDomain } from './smtp-server-under-test.js';
import type { Workplace } from './workplace.js';

export type LocalKind = 'user' | 'program' | 'forward';

export interface LocalUser {
  readonly recipient: string;
  /** Messages that have come to him or to the program. */
  arrived(): number;
}

const domain = 'local.bench.example';
const forwardTo = `${accountNames[0]}@${mailDomain}`;
const [ownId, nobody] = [7001, 65534];

/** Makes him for vqmail. */
export function makeQmailUser(workplace: Workplace, layout: Layout, kind: LocalKind): LocalUser {
  const home = layout.disk('/home/bench');
  const counted = countedFile(workplace, layout.root);
  fs.appendFileSync(layout.systemFiles.passwd, `bench:x:${ownId}:${ownId}::/home/bench:/bin/false\n`);
  workplace.write(layout.control('locals'), `${domain}\n`);
  fs.appendFileSync(layout.control('rcpthosts'), `${domain}\n`);
  workplace.write(layout.control('defaultdelivery'), './Maildir/\n');
  makeDirectories(home, ownId);
  for (const [name, line] of [
    ['program', `|echo >> ${counted}`],
    ['forward', `&${forwardTo}`],
  ]) {
    const file = path.join(home, `.qmail-${name}`);
    fs.writeFileSync(file, `${line}\n`, { mode: 0o600 });
    fs.chownSync(file, ownId, ownId);
  }
  const recipient = `${kind === 'user' ? 'bench' : `bench-${kind}`}@${domain}`;
  return { recipient, arrived: () => arrivals(kind, counted, home) };
}

/** Makes him for Postfix. @param atOnce deliveries to one recipient */
export function makePostfixUser(
  workplace: Workplace,
  name: string,
  kind: LocalKind,
  atOnce: number,
): LocalUser & Pick<PostfixOptions, 'settings' | 'services'> {
  const counted = countedFile(workplace, workplace.path(name));
  const aliases = workplace.write(
    workplace.path(name, 'etc', 'aliases'),
    `bench-program "|echo >> ${counted}"\nbench-forward ${forwardTo}\n`,
  );
  const spool = workplace.path(name, 'spool');
  makeDirectories(path.join(spool, 'nobody'), nobody);
  for (const part of ['new', 'cur', 'tmp'])
    fs.renameSync(path.join(spool, 'nobody', 'Maildir', part), path.join(spool, 'nobody', part));
  return {
    recipient: `${kind === 'user' ? 'nobody' : `bench-${kind}`}@${domain}`,
    arrived: () => (kind === 'user' ? count(path.join(spool, 'nobody', 'new')) : arrivals(kind, counted, '')),
    settings: {
      mydestination: domain,
      alias_maps: `texthash:${aliases}`,
      mail_spool_directory: `${spool}/`,
      local_destination_concurrency_limit: String(atOnce),
      // As large as messages may be, or local(8) does not start.
      mailbox_size_limit: '0',
    },
    services: ['local unix - n n - - local'],
  };
}

/** The program adds a byte for each message. */
function countedFile(workplace: Workplace, directory: string): string {
  const file = workplace.write(path.join(directory, 'counted'), '');
  fs.chmodSync(file, 0o666);
  return file;
}

function arrivals(kind: LocalKind, counted: string, home: string): number {
  if (kind === 'program') return fs.statSync(counted).size;
  return kind === 'user' ? count(path.join(home, 'Maildir', 'new')) : 0;
}

function count(directory: string): number {
  return fs.readdirSync(directory).length;
}

function makeDirectories(home: string, id: number): void {
  for (const place of ['', 'Maildir', 'Maildir/new', 'Maildir/cur', 'Maildir/tmp']) {
    const directory = path.join(home, place);
    fs.mkdirSync(directory, { recursive: true });
    fs.chmodSync(directory, 0o700);
    fs.chownSync(directory, id, id);
  }
}
