// Our IMAP server and Debian's Dovecot on one Maildir at the same time: the same answers about the same mailboxes, each sees what the other does, and random actions by both lose nothing.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startDovecot } from '../../support/dovecot.js';
import { ImapClient } from '../../support/imap-client.js';
import { type ImapHost, imapHost, testPassword, testUser } from '../../support/imap-host.js';
import { needs, needsRoot } from '../../support/needs.js';

const owner = { uid: 6020, gid: 6020 };

interface Both {
  readonly host: ImapHost;
  ours(): Promise<ImapClient>;
  dovecots(): Promise<ImapClient>;
}

async function both(t: TestContext): Promise<Both | undefined> {
  if (!needs(t, 'dovecot') || !needsRoot(t)) return undefined;
  const host = await imapHost(t);
  const account = { user: testUser, password: testPassword, maildir: host.maildir(), ...owner };
  const port = await startDovecot(t, account, 'imap');
  const logIn = async (to: number): Promise<ImapClient> => {
    const client = await ImapClient.connect(to);
    t.after(() => client.destroy());
    await client.response();
    assert.match(await client.tagged(`LOGIN ${testUser} ${testPassword}`), /^OK /);
    return client;
  };
  return { host, ours: () => logIn(host.port), dovecots: () => logIn(port) };
}

/** Without what is decoration, what differs between two times of asking, and what only one of the two says. */
function comparable(answers: readonly string[]): string[] {
  const only = /^\* (OK \[MAILBOXID|OK \[HIGHESTMODSEQ|\d+ RECENT)/;
  return answers
    .filter((line) => !only.test(line))
    .map((line) =>
      line
        .replace(/ ?\(\d+\.\d+ \+ [^)]*\)/, '')
        .replace(/ \[(NONEXISTENT|MAILBOXID \([^)]*\))\]/, '')
        .replace(/ ?\\Recent/, '')
        .replace('FLAGS ( ', 'FLAGS (')
        .replace(/\.$/, ''),
    );
}

const literal = (text: string): string => `{${text.length}+}\r\n${text}`;

test('the same questions have the same answers', async (t) => {
  const pair = await both(t);
  if (pair === undefined) return;
  const [ours, theirs] = [await pair.ours(), await pair.dovecots()];
  for (const name of ['Work', 'Work.Proj', 'a.b.c', '&ZeVnLIqe-', '"with blank"', 'R&-D'])
    assert.match(await theirs.tagged(`CREATE ${name}`), /^OK /);
  for (const name of ['Work.Proj', 'INBOX', '"with blank"'])
    assert.match(await ours.tagged(`SUBSCRIBE ${name}`), /^OK /);
  for (const flags of ['\\Seen', '\\Answered $Label1', '', '\\Draft \\Deleted'])
    await ours.ask(`APPEND INBOX (${flags}) "24-Nov-2020 02:49:18 +0000" ${literal('Subject: a\r\n\r\nb\r\n')}`);
  const again = await pair.dovecots();
  const questions: string[] = [
    'NAMESPACE',
    'LIST "" ""',
    'LIST "" %',
    'LIST "" W*',
    'LIST "" (Work.% INBOX) RETURN (CHILDREN SUBSCRIBED)',
    'LIST (SUBSCRIBED) "" * RETURN (CHILDREN)',
    'LSUB "" *',
    'LSUB "" %',
    'STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)',
    'STATUS INBOX (SIZE)',
    'STATUS nosuch (MESSAGES)',
    'SELECT INBOX',
    'FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)',
    'UID STORE 3 +FLAGS (\\Flagged $Label2)',
    'UNSELECT',
    'EXAMINE Work.Proj',
    'CHECK',
    'CLOSE',
    'CLOSE',
    'SELECT nosuch',
    'CREATE Work',
    'CREATE INBOX',
    'DELETE nosuch',
    'DELETE INBOX',
    'SUBSCRIBE nosuch',
    'APPEND nosuch {10}',
    'NOSUCH',
  ];
  for (const question of questions) {
    const [expected, actual] = [comparable(await again.ask(question)), comparable(await ours.ask(question))];
    const undo = question.startsWith('UID STORE');
    if (undo) assert.equal(actual.at(-1), expected.at(-1), question);
    else if (/^(NO|BAD)/.test(expected.at(-1) ?? ''))
      assert.equal(actual.at(-1)?.split(' ')[0], expected.at(-1)?.split(' ')[0], question);
    else assert.deepEqual(sorted(actual), sorted(expected), question);
  }
});

/** Dovecot lists folders in the order of its hash of them. */
function sorted(answers: readonly string[]): string[] {
  return [...answers].sort();
}

test('each is told of what the other does', async (t) => {
  const pair = await both(t);
  if (pair === undefined) return;
  const [ours, theirs] = [await pair.ours(), await pair.dovecots()];
  for (const client of [ours, theirs]) await client.ask('SELECT INBOX');
  assert.match(await theirs.tagged(`APPEND INBOX (\\Seen $Label1) ${literal('a\r\n')}`), /^OK /);
  assert.ok((await ours.ask('NOOP')).includes('* 1 EXISTS'));
  assert.match((await ours.ask('FETCH 1 (UID FLAGS)'))[0] ?? '', /UID 1 FLAGS \(\\Seen( \\Recent)? \$Label1\)/);
  await ours.ask('STORE 1 +FLAGS (\\Flagged $Label2)');
  const told = await theirs.ask('NOOP');
  assert.ok(
    told.some((line) => /FETCH .*\\Flagged .*\$Label1 \$Label2/.test(line)),
    told.join('\n'),
  );
  await ours.ask('CREATE Work');
  assert.match(await ours.tagged('MOVE 1 Work'), /^OK /);
  assert.ok((await theirs.ask('NOOP')).includes('* 1 EXPUNGE'));
  await theirs.ask('SELECT Work');
  assert.match(
    (await theirs.ask('FETCH 1 (UID FLAGS)'))[0] ?? '',
    /UID 1 FLAGS \(\\Flagged \\Seen( \\Recent)? \$Label1 \$Label2\)/,
  );
  ours.send('i IDLE\r\n');
  await ours.responses('i');
  await theirs.ask(`APPEND INBOX ${literal('b\r\n')}`);
  assert.equal(await ours.response(), '* 1 EXISTS');
  ours.send('DONE\r\n');
  await ours.responses('i');
});

/** A sequence of numbers that is the same in every run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}

const rounds = Number(process.env.VQMAIL_IMAP_ROUNDS ?? 60);
const folders = ['INBOX', 'Work', 'Old'];
const flags = ['\\Seen', '\\Flagged', '\\Answered', '$Label1', '$Label2', 'NonJunk'];

/** Random commands; what has been put in, and what has been taken out for good. */
async function work(client: ImapClient, name: string, seed: number, kept: Set<string>): Promise<void> {
  const random = numbers(seed);
  const pick = (from: readonly string[]): string => from[random(from.length)] ?? '';
  for (let round = 0; round < rounds; round++) {
    if (round % 15 === 0) await client.ask(`SELECT ${pick(folders)}`);
    const chance = random(10);
    if (chance < 4) {
      const subject = `${name}-${round}`;
      const answer = await client.tagged(
        `APPEND ${pick(folders)} (${pick(flags)}) ${literal(`Subject: ${subject}\r\n\r\nx\r\n`)}`,
      );
      assert.match(answer, /^OK \[APPENDUID/);
      kept.add(subject);
    } else if (chance < 7)
      await client.ask(`UID STORE ${1 + random(40)}:${1 + random(40)} ${pick(['+', '-'])}FLAGS (${pick(flags)})`);
    else if (chance < 9) await client.ask(`UID MOVE ${1 + random(60)} ${pick(folders)}`);
    else await client.ask('NOOP');
  }
}

/** UID, flags and subject of each message. */
async function contents(client: ImapClient, folder: string): Promise<string[]> {
  const selected = (await client.ask(`SELECT ${folder}`)).join('\n');
  const validity = /UIDVALIDITY (\d+)/.exec(selected)?.[1];
  const fetched = await client.ask('UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])');
  return fetched.slice(0, -1).map((line) => {
    const uid = /UID (\d+)/.exec(line)?.[1];
    const names = /FLAGS \(([^)]*)\)/
      .exec(line)?.[1]
      ?.split(' ')
      .filter((flag) => flag !== '\\Recent' && flag !== '');
    return `${validity} ${uid} ${names?.sort().join(' ')} ${/Subject: (\S+)/.exec(line)?.[1]}`;
  });
}

test('random actions by two sessions of each: nothing is lost, no UID is given twice, both agree', async (t) => {
  const pair = await both(t);
  if (pair === undefined) return;
  const first = await pair.ours();
  for (const folder of folders.slice(1)) await first.ask(`CREATE ${folder}`);
  const validityBefore: string[] = [];
  for (const folder of folders) validityBefore.push((await first.ask(`STATUS ${folder} (UIDVALIDITY)`))[0] ?? '');
  const kept = new Set<string>();
  const clients = [await pair.ours(), await pair.dovecots(), await pair.ours(), await pair.dovecots()];
  await Promise.all(clients.map((client, index) => work(client, `c${index}`, 7 + index, kept)));
  const [ours, theirs] = [await pair.ours(), await pair.dovecots()];
  const all: string[] = [];
  for (const [index, folder] of folders.entries()) {
    const [here, there] = [await contents(ours, folder), await contents(theirs, folder)];
    assert.deepEqual(here, there, folder);
    const uids = here.map((line) => line.split(' ').slice(0, 2).join(' '));
    assert.equal(new Set(uids).size, uids.length, `${folder}: a UID twice`);
    assert.equal((await ours.ask(`STATUS ${folder} (UIDVALIDITY)`))[0], validityBefore[index]);
    all.push(...here.map((line) => line.split(' ').at(-1) ?? ''));
  }
  assert.deepEqual(all.sort(), [...kept].sort(), 'each message is there once');
  assert.deepEqual(pair.host.log, []);
});
