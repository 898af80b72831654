// Courier-IMAP and our server on one Maildir in turn: what Courier has told its clients goes on under the same UIDVALIDITY, UIDs and keywords; afterwards each sees the messages and flags of the
// other, and none of the two gives a message that it knows another UID. Keywords stay each server's own: Courier keeps them in files that are read once, and takes the letters that stand for
// them off a name when it changes a flag.

import assert from 'node:assert/strict';
import { chownSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { courierPrograms, startCourier } from '../../support/courier.js';
import { ImapClient } from '../../support/imap-client.js';
import { type ImapHost, imapHost, testPassword, testUser } from '../../support/imap-host.js';
import { ImapLoad, loadFolders } from '../../support/imap-load.js';
import { fetchAll, messagesOf, textOf } from '../../support/imap-load-messages.js';
import { needs, needsRoot } from '../../support/needs.js';
import { seeded } from './wanderer.js';

const owner = { uid: 6020, gid: 6020 };

async function sharedHost(t: TestContext): Promise<ImapHost | undefined> {
  if (!needs(t, ...courierPrograms) || !needsRoot(t)) return undefined;
  const host = await imapHost(t);
  const home = path.dirname(host.maildir());
  for (const name of ['', ...readdirSync(home, { recursive: true, encoding: 'utf8' })])
    chownSync(path.join(home, name), owner.uid, owner.gid);
  return host;
}

async function courierSession(t: TestContext, host: ImapHost): Promise<ImapClient> {
  const account = { user: testUser, password: testPassword, maildir: host.maildir(), ...owner };
  const client = await ImapClient.connect(await startCourier(t, account, 'imap'));
  t.after(() => client.destroy());
  await client.response();
  await must(client, `LOGIN ${testUser} ${testPassword}`);
  return client;
}

async function must(client: ImapClient, command: string): Promise<string[]> {
  const answers = await client.ask(command);
  assert.match(answers.at(-1) ?? '', /^OK /, command);
  return answers;
}

async function append(client: ImapClient, folder: string, flags: string, subject: string): Promise<void> {
  const text = textOf(subject);
  client.send(`x APPEND ${folder} (${flags}) {${text.length}}\r\n`);
  assert.match((await client.responses('x')).at(-1) ?? '', /^\+/);
  client.send(`${text}\r\n`);
  assert.match((await client.responses('x')).at(-1) ?? '', /^x OK /);
}

interface Told {
  readonly validity: string | undefined;
  /** UID, subject, flags. */
  readonly messages: readonly string[];
}

/** What a server tells of a folder. @param keepsKeywords whether keywords are looked at */
async function told(client: ImapClient, folder: string, keepsKeywords: boolean): Promise<Told> {
  const selected = (await must(client, `SELECT ${folder}`)).join('\n');
  const messages = [...messagesOf(await must(client, fetchAll))].map(([uid, { subject, flags }]) => {
    const shown = flags.split(' ').filter((flag) => keepsKeywords || flag.startsWith('\\'));
    return `${uid} ${subject} ${shown.join(' ')}`;
  });
  return { validity: /UIDVALIDITY (\d+)/.exec(selected)?.[1], messages };
}

const withoutUid = ({ messages }: Told): string[] => messages.map((line) => line.replace(/^\d+ /, '')).sort();
const couriers = (folder: string): string => (folder === 'INBOX' ? folder : `INBOX.${folder}`);

test('what Courier has told goes on', async (t) => {
  const host = await sharedHost(t);
  if (host === undefined) return;
  const courier = await courierSession(t, host);
  for (const folder of loadFolders.slice(1)) await must(courier, `CREATE ${couriers(folder)}`);
  await must(courier, 'SUBSCRIBE INBOX.Work');
  for (const [index, flags] of ['\\Seen', '$Label1 \\Flagged', '', 'NonJunk $Label1', '\\Draft'].entries())
    await append(courier, 'INBOX', flags, `x-first-${index}`);
  await must(courier, 'SELECT INBOX');
  await must(courier, 'COPY 1:4 INBOX.Work');
  await must(courier, 'STORE 3:4 +FLAGS (\\Answered Later)');
  await must(courier, 'STORE 1 +FLAGS (\\Deleted)');
  await must(courier, 'EXPUNGE');
  await append(courier, 'INBOX.Old', 'a b c', 'x-second-1');
  const before: [string, Told][] = [];
  for (const folder of loadFolders) before.push([folder, await told(courier, couriers(folder), true)]);
  await must(courier, 'LOGOUT');
  const client = await host.loggedIn();
  for (const [folder, expected] of before) assert.deepEqual(await told(client, folder, true), expected, folder);
  assert.deepEqual(await must(client, 'LSUB "" *'), ['* LSUB () "." Work', 'OK Lsub completed.']);
});

test('in turn: nothing is lost, and nobody renumbers anything', async (t) => {
  const host = await sharedHost(t);
  if (host === undefined) return;
  const load = new ImapLoad({ user: testUser, password: testPassword }, seeded(11));
  await load.begin(host.port);
  const known = new Map<string, string>();
  const look = async (client: ImapClient, server: string, name: (folder: string) => string): Promise<string[][]> => {
    const all: string[][] = [];
    for (const folder of loadFolders) {
      const seen = await told(client, name(folder), false);
      for (const line of seen.messages) {
        const [uid, subject = ''] = line.split(' ');
        const key = `${server} ${folder} ${seen.validity} ${uid}`;
        assert.equal(known.get(key) ?? subject, subject, key);
        known.set(key, subject);
      }
      const validity = known.get(`${server} ${folder}`) ?? seen.validity;
      assert.equal(seen.validity, validity, `${server} ${folder}: UIDVALIDITY`);
      known.set(`${server} ${folder}`, validity ?? '');
      all.push(withoutUid(seen));
    }
    return all;
  };
  for (let turn = 0; turn < 3; turn++) {
    let commands = 0;
    await Promise.all(['a', 'b'].map((name) => load.work(host.port, `c${turn}${name}`, () => ++commands < 120)));
    await load.check(host.port);
    const ours = await look(await host.loggedIn(), 'ours', (folder) => folder);
    const courier = await courierSession(t, host);
    assert.deepEqual(await look(courier, 'courier', couriers), ours);
    for (let count = 0; count < 6; count++)
      await append(courier, couriers(loadFolders[count % 3] ?? ''), '\\Seen', `x-turn${turn}-${count}`);
    await must(courier, 'SELECT INBOX');
    const [found = ''] = await must(courier, 'UID SEARCH SUBJECT "x-"');
    const uids = found.split(' ').slice(2);
    await must(courier, `UID STORE ${uids.join(',')} +FLAGS (\\Flagged)`);
    await must(courier, `UID COPY ${uids[0]} INBOX.Old`);
    await must(courier, `UID STORE ${uids[0]} +FLAGS (\\Deleted)`);
    await must(courier, 'EXPUNGE');
    const theirs = await look(courier, 'courier', couriers);
    await must(courier, 'LOGOUT');
    assert.deepEqual(await look(await host.loggedIn(), 'ours', (folder) => folder), theirs);
    await load.check(host.port);
  }
  assert.deepEqual(host.log, []);
});
