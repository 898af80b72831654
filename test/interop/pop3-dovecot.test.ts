// Our server beside Dovecot on one Maildir: both tell clients the same ids, whoever saw a message first, and neither loses a message of the other.

import assert from 'node:assert/strict';
import { chownSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { startDovecot } from '../support/dovecot.js';
import { needs, needsRoot } from '../support/needs.js';
import { Pop3Client } from '../support/pop3-client.js';
import { type Pop3Host, pop3Host, testPassword, testUser } from '../support/pop3-host.js';

const owner = { uid: 6020, gid: 6020 };

interface Both {
  readonly ours: Pop3Host;
  /** A client of Dovecot that has logged in. */
  dovecot(): Promise<Pop3Client>;
  deliver(name: string, seconds: number): void;
}

async function both(t: TestContext): Promise<Both> {
  const ours = await pop3Host(t, { empty: true, uidl: 'dovecot' });
  const port = await startDovecot(t, { user: testUser, password: testPassword, maildir: ours.maildir(), ...owner });
  return {
    ours,
    async dovecot() {
      const client = await Pop3Client.connect(port);
      t.after(() => client.destroy());
      assert.match(await client.logIn(testUser, testPassword), /^\+OK/);
      return client;
    },
    deliver(name, seconds) {
      ours.put(`new/${name}`, `Subject: ${name}\n\n.\nbody of ${name}\n`, { mtime: seconds });
      chownSync(path.join(ours.maildir(), 'new', name), owner.uid, owner.gid);
    },
  };
}

/** Id -> message, with the line ends at its end left out. */
async function content(client: Pop3Client): Promise<Map<string, string>> {
  const ids = (await client.ask('UIDL')).split('\r\n').slice(1, -2);
  const found = new Map<string, string>();
  for (const line of ids) {
    const [number, id = ''] = line.split(' ');
    const message = await client.ask(`RETR ${number}`);
    found.set(id, message.slice(message.indexOf('\n') + 1).replace(/(\r\n)+\.\r\n$/, ''));
  }
  assert.match(await client.ask('QUIT'), /^\+OK/);
  return new Map([...found].sort());
}

test('the ids are the same whoever saw a message first', async (t) => {
  if (!needs(t, 'dovecot') || !needsRoot(t)) return;
  const { ours, dovecot, deliver } = await both(t);
  deliver('1772323201.1.h', 1772323201);
  deliver('1772323202.2.h', 1772323202);
  const first = await content(await dovecot());
  assert.equal(first.size, 2);
  assert.deepEqual(await content(await ours.loggedIn()), first, 'after Dovecot');
  deliver('1772323203.3.h', 1772323203);
  deliver('1772323204.M7P4.h', 1772323204);
  const second = await content(await ours.loggedIn());
  assert.equal(second.size, 4);
  assert.deepEqual(await content(await dovecot()), second, 'after us');
  for (const [id, message] of first) assert.equal(second.get(id), message);
});

test('a list that we began is one for Dovecot', async (t) => {
  if (!needs(t, 'dovecot') || !needsRoot(t)) return;
  const { ours, dovecot, deliver } = await both(t);
  for (const number of [1, 2, 3]) deliver(`177232320${number}.${number}.h`, 1772323200 + number);
  const first = await content(await ours.loggedIn());
  assert.equal(first.size, 3);
  assert.deepEqual(await content(await dovecot()), first);
});

test('sessions of both at once: what one removes is gone, everything else stays under its id', async (t) => {
  if (!needs(t, 'dovecot') || !needsRoot(t)) return;
  const { ours, dovecot, deliver } = await both(t);
  const rounds = 12;
  const known = new Map<string, string>();
  for (let round = 0; round < rounds; round++) {
    for (let number = 0; number < 4; number++) {
      const seconds = 1772323200 + round * 4 + number;
      deliver(`${seconds}.${number}.h`, seconds);
    }
    const clients = await Promise.all([ours.loggedIn(), dovecot()]);
    await Promise.all(clients.map((client) => client.ask('UIDL')));
    // Ours removes its first message, Dovecot its last; both leave new/ at the same time.
    const [mine, its] = clients;
    await mine.ask('DELE 1');
    const last = /^\+OK (\d+)/.exec(await its.ask('STAT'))?.[1];
    await its.ask(`DELE ${last}`);
    const farewells = await Promise.all(clients.map((client) => client.ask('QUIT')));
    for (const farewell of farewells) assert.match(farewell, /^\+OK/);
    const now = await content(await dovecot());
    for (const [id, message] of now) assert.equal(known.get(id) ?? message, message, `${id} is still the same message`);
    for (const [id, message] of now) known.set(id, message);
    assert.equal(now.size, (round + 1) * 2);
  }
  assert.deepEqual(await content(await ours.loggedIn()), await content(await dovecot()));
});
