// Random actions by sessions of ours and of Dovecot on one Maildir at the same time, and mail that arrives meanwhile: nothing is lost, no UID is given twice, UIDVALIDITY stays, and in the end both
// say the same of every message. Dovecot's sessions move nothing that others move in the same moment, and its log is not judged: alone on a Maildir, under the same actions, they lose such
// messages, run into time-outs of their own locks, and write a second line for a name that comes back to a folder (`Duplicate file entry`), of which the higher UID counts for everybody.
//
// Longer with VQMAIL_IMAP_SECONDS, otherwise with VQMAIL_SEED; with VQMAIL_IMAP_PACE everybody rests for up to so many milliseconds between two actions, as people do.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { testPassword, testUser } from '../../support/imap-host.js';
import { ImapLoad, loadFolders } from '../../support/imap-load.js';
import { fetchAll, messagesOf } from '../../support/imap-load-messages.js';
import { soundUidList } from '../../support/uid-lists.js';
import { beside, besideOwner } from './beside.js';
import { Arrivals, seeded, Wanderer } from './wanderer.js';

const seconds = Number(process.env.VQMAIL_IMAP_SECONDS ?? 25);
const seed = Number(process.env.VQMAIL_SEED ?? 1);
const paceMs = Number(process.env.VQMAIL_IMAP_PACE ?? 0);

test(`random actions by both for ${seconds} seconds`, async (t) => {
  const pair = await beside(t);
  if (pair === undefined) return;
  const { host, dovecotPort } = pair;
  const ends = performance.now() + seconds * 1000;
  const isOver = (): boolean => performance.now() >= ends;
  const goesOn = async (): Promise<boolean> => {
    if (paceMs > 0) await pause(paceMs * Math.random());
    return !isOver();
  };
  const load = new ImapLoad({ user: testUser, password: testPassword }, seeded(seed));
  await load.begin(host.port);
  const common = { kept: new Set<string>(), folders: new Set<string>() };
  const wanderers = [pair.ours, pair.dovecots, pair.ours, pair.dovecots].map(
    (logIn, index) => new Wanderer(`w${index}`, logIn, seeded(seed + 1 + index), common, index % 2 === 1),
  );
  const arrivals = new Arrivals(host.maildir(), common.kept, besideOwner);
  const mail = async (): Promise<void> => {
    for (let count = 0; !isOver(); count++) {
      arrivals.arrive(count % 3 === 0 ? '.Work' : '');
      await pause(60 + 4 * paceMs);
    }
  };
  t.after(() => host.log.length > 0 && t.diagnostic(host.log.join('\n')));
  await Promise.all([
    mail(),
    ...wanderers.map((wanderer) => wanderer.work(goesOn)),
    ...[host.port, dovecotPort].map((port, index) => load.work(port, `c${index}`, goesOn)),
  ]);
  await load.check(host.port);
  const [ours, theirs] = [await pair.ours(), await pair.dovecots()];
  const list = async (client: typeof ours): Promise<string[]> =>
    (await client.ask('LIST "" *'))
      .map((answer) => answer.replace(/^\* LIST \([^)]*\) "\." "?(.*?)"?$/, '$1'))
      .slice(0, -1)
      .sort();
  const folders = await list(ours);
  assert.deepEqual(await list(theirs), folders);
  const told = new Map<string, string[]>();
  const there: string[] = [];
  for (const folder of folders) {
    const [selected, answers] = [(await theirs.ask(`SELECT ${folder}`)).join('\n'), await theirs.ask(fetchAll)];
    const validity = /UIDVALIDITY (\d+)/.exec(selected)?.[1];
    assert.equal(/UIDVALIDITY (\d+)/.exec((await ours.ask(`SELECT ${folder}`)).join('\n'))?.[1], validity, folder);
    const messages = messagesOf(answers);
    assert.deepEqual(messagesOf(await ours.ask(fetchAll)), messages, folder);
    there.push(...[...messages.values()].map(({ subject }) => subject).filter((subject) => subject.startsWith('x-')));
    if (loadFolders.some((name) => name === folder)) told.set(folder, answers);
  }
  load.mustBe(told);
  for (const folder of folders) soundUidList(host.maildir(), folder);
  const lost = [...common.kept].filter((subject) => !there.includes(subject));
  assert.deepEqual(lost, [], 'lost');
  // Two who move a message within its folder in the same moment leave it there twice.
  const doubles = there.length - new Set(there).size;
  const actions = wanderers.map((wanderer) => wanderer.actions);
  t.diagnostic(
    `seed ${seed}: ${load.acknowledged} commands, actions ${actions}, ${there.length} messages, ${doubles} doubles, ${load.passedOver} passed over`,
  );
  assert.deepEqual(host.log, []);
});
