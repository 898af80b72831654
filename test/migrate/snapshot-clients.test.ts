// What a snapshot reads from files is what clients are shown: by Dovecot and Courier, which wrote the files, and by our server.

import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { openImap } from '../../migrate/clients/imap.js';
import { flagText } from '../../migrate/flag-text.js';
import { flagsFrom } from '../../migrate/imap/flags.js';
import { nameHere } from '../../migrate/imap/folder-names.js';
import { type FolderBlock, parseLine } from '../../migrate/snapshot/format.js';
import { linesOf, takeSnapshot } from '../../migrate/snapshot/take.js';
import { hashedText } from '../../migrate/text-hash.js';
import { courierPrograms, startCourier } from '../support/courier.js';
import { startDovecot } from '../support/dovecot.js';
import { needs, needsRoot } from '../support/needs.js';
import { Pop3Client } from '../support/pop3-client.js';
import { newRoot, removeRoot } from '../support/recording.js';
import { ShadowHost } from './shadow/shadow-host.js';

interface Shown {
  readonly uidValidity: number | null;
  /** Flags, date, size and hash of the text; by UID, those that have one. */
  readonly byUid: ReadonlyMap<number, string>;
  /** The same of all of them, in order. */
  readonly all: readonly string[];
}

interface Ports {
  readonly imap: number;
  readonly pop3: number;
}

/** By whom each recording is shown. What Dovecot keeps in its index alone (keywords beyond 26), and what Courier makes of bare CRs, stands in no file that we read. */
const rows: readonly [recording: string, uidl: 'dovecot' | 'courier', servers: readonly string[]][] = [
  ['dovecot-basic', 'dovecot', ['dovecot', 'vqmail']],
  ['dovecot-inbox-prefix', 'dovecot', ['vqmail']],
  ['courier-then-dovecot', 'dovecot', ['dovecot', 'vqmail']],
  ['mime-dovecot', 'dovecot', ['dovecot', 'vqmail']],
  ['courier-basic', 'courier', ['courier', 'vqmail']],
  ['courier-keywords', 'courier', ['courier', 'vqmail']],
  ['mime-courier', 'courier', ['vqmail']],
];

describe('migrate snapshot and what clients see', () => {
  for (const [recording, uidl, servers] of rows)
    for (const server of servers)
      it(`${recording}, by ${server}`, async (t) => {
        if (server === 'dovecot' && !needs(t, 'dovecot')) return;
        if (server === 'courier' && !needs(t, ...courierPrograms)) return;
        if (!needsRoot(t)) return;
        const host = new ShadowHost(t, recording);
        // Courier shows such a name as it is on disk, over which the client stumbles.
        for (const name of server === 'courier' ? readdirSync(host.maildir, 'latin1') : [])
          if (/[^\x00-\x7f]/.test(name))
            rmSync(Buffer.from(path.join(host.maildir, name), 'latin1'), { recursive: true });
        const { folders, ids } = await snapshotOf(t, host, uidl);
        const ports = await started(t, host, server, uidl);
        const shown = await byImap(host, ports.imap);
        for (const [name, folder] of folders) {
          const there = shown.get(name);
          assert.deepEqual(there?.all, folder.all, name);
          if (folder.uidValidity !== null) assert.equal(there?.uidValidity, folder.uidValidity, name);
          for (const [uid, message] of folder.byUid) assert.equal(there?.byUid.get(uid), message, `${name} UID ${uid}`);
        }
        assert.ok([...folders.values()].some(({ all }) => all.length > 0));
        const listed = await byPop3(host, ports.pop3);
        assert.deepEqual(
          [...ids].filter((id) => !listed.has(id)),
          [],
          'unique ids that POP3 clients are not told',
        );
      });
});

it('of more than 26 keywords of Dovecot, those that it keeps in its index alone are seen by nobody else', async (t) => {
  if (!needs(t, 'dovecot') || !needsRoot(t)) return;
  const host = new ShadowHost(t, 'dovecot-basic');
  const client = await openImap(
    { protocol: 'imap', host: '127.0.0.1', port: await startDovecot(t, host.account, 'imap'), tls: 'none' },
    host.account.user,
    host.account.password,
  );
  const names = Array.from({ length: 30 }, (_, index) => `Mine${index}`);
  await client.mailboxCreate('Many');
  await client.append('Many', 'Subject: x\r\n\r\n');
  await client.mailboxOpen('Many');
  for (const name of names) assert.ok(await client.messageFlagsAdd('1', [name]));
  const shown = await client.fetchOne('1', { flags: true });
  client.close();
  assert.ok(shown !== false && shown !== undefined);
  assert.deepEqual([...flagsFrom(shown.flags ?? []).keywords].sort(), [...names].sort());
  const { folders } = await snapshotOf(t, host, 'dovecot');
  const [seen = ''] = folders.get('Many')?.all ?? [];
  const [, flags = ''] = /^flags *([^;]*)/.exec(seen) ?? [];
  assert.deepEqual(flags.split(' ').sort(), names.slice(0, 26).sort());
  const { ports } = await host.serve('--uidl', 'dovecot');
  const [ours] = (await byImap(host, ports.imap ?? 0)).get('Many')?.all ?? [];
  assert.equal(ours, seen);
});

async function started(t: TestContext, host: ShadowHost, server: string, uidl: 'dovecot' | 'courier'): Promise<Ports> {
  if (server === 'dovecot')
    return { imap: await startDovecot(t, host.account, 'imap'), pop3: await startDovecot(t, host.account) };
  if (server === 'courier')
    return {
      imap: await startCourier(t, host.account, 'imap'),
      pop3: await startCourier(t, host.account, 'pop3'),
    };
  const { ports } = await host.serve('--uidl', uidl);
  return { imap: ports.imap ?? 0, pop3: ports.pop3 ?? 0 };
}

async function snapshotOf(
  t: TestContext,
  host: ShadowHost,
  uidl: 'dovecot' | 'courier',
): Promise<{ folders: ReadonlyMap<string, Shown>; ids: ReadonlySet<string> }> {
  const folder = newRoot('vqmail-snapshot-clients');
  t.after(() => removeRoot(folder));
  const file = path.join(folder, 'before');
  await takeSnapshot(host.layout, file, { uidl, bodies: true, messagesPerSecond: undefined, progress: () => {} });
  const folders = new Map<string, Shown>();
  const ids = new Set<string>();
  for await (const { text } of linesOf(file)) {
    const line = parseLine(text);
    if (line !== undefined && 'messages' in line) folders.set(line.folder, shownOf(line, ids));
  }
  return { folders, ids };
}

function shownOf({ uidValidity, messages }: FolderBlock, ids: Set<string>): Shown {
  const byUid = new Map<number, string>();
  const all: string[] = [];
  for (const [uid, , flags, date, size, hash, id] of messages) {
    const shown = `flags ${flags}; ${date}; ${size} octets; ${hash}`;
    all.push(shown);
    if (uid !== null) byUid.set(uid, shown);
    if (id !== null) ids.add(id);
  }
  return { uidValidity, byUid, all: all.sort() };
}

async function byImap({ account }: ShadowHost, port: number): Promise<Map<string, Shown>> {
  const address = { protocol: 'imap', host: '127.0.0.1', port, tls: 'none' } as const;
  const client = await openImap(address, account.user, account.password);
  try {
    const folders = new Map<string, Shown>();
    const prefix = client.namespace?.prefix ?? '';
    for (const { path: name, delimiter, flags: listed } of await client.list()) {
      if (listed.has('\\Noselect') || listed.has('\\NonExistent')) continue;
      const { uidValidity, exists } = await client.mailboxOpen(name, { readOnly: true });
      const byUid = new Map<number, string>();
      const query = { uid: true, flags: true, internalDate: true, size: true, source: true };
      for (const { uid, flags, internalDate, size, source } of exists === 0
        ? []
        : await client.fetchAll('1:*', query)) {
        const date = Math.floor(new Date(internalDate ?? 0).getTime() / 1000);
        const { hash } = hashedText(source ?? Buffer.alloc(0));
        byUid.set(uid, `flags ${flagText(flagsFrom(flags ?? []))}; ${date}; ${size} octets; ${hash}`);
      }
      folders.set(nameHere(name, delimiter, prefix), {
        uidValidity: Number(uidValidity),
        byUid,
        all: [...byUid.values()].sort(),
      });
    }
    return folders;
  } finally {
    client.close();
  }
}

async function byPop3({ account }: ShadowHost, port: number): Promise<Set<string>> {
  const client = await Pop3Client.connect(port);
  try {
    assert.match(await client.logIn(account.user, account.password), /^\+OK/);
    const lines = (await client.ask('UIDL')).split('\r\n').slice(1, -2);
    return new Set(lines.map((line) => line.slice(line.indexOf(' ') + 1)));
  } finally {
    client.destroy();
  }
}
