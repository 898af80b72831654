// Our IMAP server and Debian's Dovecot on one Maildir at the same time: the same answers about the same mailboxes, and each sees what the other does.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { beside } from './beside.js';

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
  const pair = await beside(t);
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
  const pair = await beside(t);
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
