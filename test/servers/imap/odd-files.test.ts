// What nobody expects in a Maildir: names that lie about sizes, directories and links among the messages, folders with odd names, a backup that is put back and a folder that goes, both under an
// open session.

import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { imapHost } from '../../support/imap-host.js';

const text = 'Subject: hello\n\nHello world.\n';
const wireSize = text.length + 3;

test('sizes in names are believed only where they can be true', async (t) => {
  const host = await imapHost(t);
  const large = `${text}${'Hello again.\n'.repeat(100_000)}`;
  const names = [
    '1.a,S=9999',
    '2.b,S=10,W=12',
    `3.c,S=${text.length},W=9999`,
    '4.d,S=99999999,W=99999999',
    '5.e,S=0,W=0',
  ];
  for (const name of [...names, '6.f,S=x,W=-1', '7.g,S=99999999999999999999']) host.put(`cur/${name}:2,S`, text);
  host.put('cur/8.h,S=10,W=11:2,S', large);
  host.makeFolder('Work');
  const client = await host.loggedIn('INBOX');
  for (const items of ['RFC822.SIZE', 'RFC822.SIZE BODY.PEEK[TEXT]<0.5>', 'RFC822.SIZE BODYSTRUCTURE', 'BODY.PEEK[]']) {
    const answers = await client.ask(`FETCH 1:* (${items})`);
    assert.equal(answers.at(-1), 'OK Fetch completed.', items);
    for (const [index, answer] of answers.slice(0, -1).entries()) {
      const size = /RFC822\.SIZE (\d+)/.exec(answer)?.[1] ?? /BODY\[\] \{(\d+)\}/.exec(answer)?.[1];
      assert.equal(Number(size), index < 7 ? wireSize : large.length + 100_003, `${items}: ${answer.slice(0, 80)}`);
    }
  }
  assert.equal((await client.ask('SEARCH LARGER 100'))[0], '* SEARCH 8');
  assert.match(await client.tagged('COPY 1:* Work'), /^OK \[COPYUID /);
  for (const name of host.names('Work'))
    assert.doesNotMatch(name, /S=(?:9|10|0|x)|W=9/, 'a copy gets no name that lies');
});

test('a directory among the messages is put aside, and a message that cannot be read keeps nobody from the others', async (t) => {
  const host = await imapHost(t);
  const maildir = host.maildir();
  host.put('cur/1.a:2,', text);
  mkdirSync(path.join(maildir, 'cur/2.empty'));
  mkdirSync(path.join(maildir, 'cur/3.full/inside'), { recursive: true });
  symlinkSync('4.loop', path.join(maildir, 'cur/4.loop'));
  host.put('cur/5.b:2,', text);
  const client = await host.loggedIn('INBOX');
  const answers = await client.ask('FETCH 1:* (RFC822.SIZE)');
  assert.deepEqual(
    answers.filter((answer) => answer.includes('RFC822.SIZE')).map((answer) => answer.slice(0, 9)),
    ['* 1 FETCH', '* 5 FETCH'],
  );
  assert.match(answers.at(-1) ?? '', /^NO \[UNAVAILABLE\] /);
  const news = await client.ask('NOOP');
  const expunged = [...answers, ...news].filter((answer) => answer.endsWith(' EXPUNGE'));
  assert.deepEqual(expunged.sort(), ['* 2 EXPUNGE', '* 3 EXPUNGE']);
  for (const [command, found] of [
    ['UID SEARCH TEXT hello', '* SEARCH 1 5'],
    ['UID SORT (SIZE) UTF-8 SUBJECT hello', '* SORT 1 5'],
    ['UID THREAD REFS UTF-8 SUBJECT hello', '* THREAD (1)(5)'],
  ] as const) {
    const [first, ...others] = await client.ask(command);
    assert.equal(first, found);
    assert.match(others.at(-1) ?? '', /^NO \[UNAVAILABLE\] /);
  }
  assert.equal(existsSync(path.join(maildir, 'cur/2.empty')), false);
  assert.ok(
    existsSync(path.join(maildir, 'extra-3.full:2,/inside')) || existsSync(path.join(maildir, 'extra-3.full/inside')),
  );
  rmSync(
    path.join(
      maildir,
      'cur',
      host
        .names()
        .find((name) => name.includes('4.loop'))
        ?.slice(4) ?? '',
    ),
  );
  assert.equal((await client.ask('NOOP')).at(-2), '* 2 RECENT');
  assert.equal(await client.tagged('FETCH 1:* (BODY.PEEK[])'), 'OK Fetch completed.');
});

test('folders as Courier names them, in UTF-8: listed and opened by the name that clients use', async (t) => {
  const host = await imapHost(t);
  host.makeFolder('Entwürfe');
  host.put(`.${Buffer.from('Entwürfe').toString('latin1')}/cur/1.a:2,`, text);
  const client = await host.loggedIn();
  assert.ok((await client.ask('LIST "" *')).includes('* LIST (\\HasNoChildren \\Drafts) "." Entw&APw-rfe'));
  assert.equal((await client.ask('STATUS Entw&APw-rfe (MESSAGES)'))[0], '* STATUS Entw&APw-rfe (MESSAGES 1)');
  assert.match(await client.tagged('RENAME Entw&APw-rfe Work'), /^OK /);
  assert.ok(existsSync(path.join(host.maildir(), '.Work/cur/1.a:2,')));
});

test('a backup that is put back under an open session: no UID that was told is given to another message', async (t) => {
  const host = await imapHost(t);
  const maildir = host.maildir();
  for (const name of ['1.a', '2.b', '3.c']) host.put(`cur/${name}:2,`, `Subject: ${name}\n\n`);
  const client = await host.loggedIn('INBOX');
  const told = new Map<string, string>();
  const note = async (): Promise<void> => {
    for (const answer of await client.ask('FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])')) {
      const [, uid, subject] = /UID (\d+) .*Subject: (\S+)/s.exec(answer) ?? [];
      if (uid === undefined || subject === undefined) continue;
      assert.equal(told.get(uid) ?? subject, subject, `UID ${uid}`);
      told.set(uid, subject);
    }
  };
  await note();
  cpSync(maildir, `${maildir}.backup`, { recursive: true, preserveTimestamps: true });
  await client.ask('STORE 1 +FLAGS (\\Deleted)');
  await client.ask('EXPUNGE');
  assert.match(await client.tagged('APPEND INBOX {14+}\r\nSubject: new\r\n'), /APPENDUID \d+ 4\]/);
  await note();
  renameSync(maildir, `${maildir}.lost`);
  renameSync(`${maildir}.backup`, maildir);
  for (let looks = 0; looks < 3; looks++) {
    assert.equal(await client.tagged('NOOP'), 'OK NOOP completed.');
    await note();
  }
  // The expunged message is back under a UID of its own, or, when the older vq-state is met later than the list, under a second one.
  assert.match((await client.ask('UID SEARCH ALL'))[0] ?? '', /^\* SEARCH 2 3(?: [5-9])+$/);
  assert.match(readFileSync(path.join(maildir, 'dovecot-uidlist'), 'latin1'), /^3 V\d+ N[5-9] /);
});

test('a folder that another server removes or renames while it is selected', async (t) => {
  const host = await imapHost(t);
  const over = '* BYE IMAP session state is inconsistent, please relogin.\r\n';
  const ways: Readonly<Record<string, (from: string) => void>> = {
    'rm -r': (from) => rmSync(from, { recursive: true }),
    'as Dovecot removes it': (from) => renameSync(from, path.join(host.maildir(), '..DOVECOT-TRASHED')),
    'as Dovecot renames it': (from) => renameSync(from, path.join(host.maildir(), '.Done')),
  };
  for (const [how, remove] of Object.entries(ways))
    for (const command of ['NOOP', 'FETCH 1 (BODY.PEEK[])', 'STORE 1 +FLAGS (\\Seen)', 'IDLE']) {
      host.makeFolder('Work');
      host.put('.Work/cur/1.a:2,', text);
      const client = await host.loggedIn('Work');
      if (command === 'IDLE') {
        client.send('a IDLE\r\n');
        assert.equal(await client.response(), '+ idling');
        remove(path.join(host.maildir(), '.Work'));
        client.send('DONE\r\n');
      } else {
        remove(path.join(host.maildir(), '.Work'));
        client.send(`a ${command}\r\n`);
      }
      assert.ok((await client.closed()).endsWith(over), `${how}: ${command}`);
      for (const left of ['..DOVECOT-TRASHED', '.Done'])
        rmSync(path.join(host.maildir(), left), { recursive: true, force: true });
    }
});
