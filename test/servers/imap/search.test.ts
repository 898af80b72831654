// SEARCH, SORT and THREAD in a session: kinds of answers, saved results, charsets, file names.

import assert from 'node:assert/strict';
import { mkdirSync, rmSync, unlinkSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { type ImapHost, imapHost } from '../../support/imap-host.js';

function put(host: ImapHost, number: number, subject: string, body: string, more = ''): void {
  const text = `From: ${number}@example.jp\nSubject: ${subject}\nMessage-ID: <${number}@x>\n${more}\n${body}\n`;
  host.put(`cur/177232320${number}.${number}.h:2,`, text, { mtime: 1772323200 + number });
}

test('answers of SEARCH: plain, ESEARCH, PARTIAL, MODSEQ', async (t) => {
  const host = await imapHost(t);
  for (let number = 1; number <= 5; number++) put(host, number, number % 2 === 0 ? 'even' : 'odd', 'x');
  const client = await host.loggedIn('INBOX');
  const ask = async (command: string): Promise<string> =>
    (await client.ask(command)).join('|').replace(/"t?\d+"/g, '"T"');
  const found = async (command: string): Promise<string> => (await ask(command)).replace(/TAG "[^"]+"/, 'TAG "T"');
  const done = '|OK Search completed.';
  assert.equal(await found('SEARCH SUBJECT even'), `* SEARCH 2 4${done}`);
  assert.equal(await found('SEARCH NOT ALL'), `* SEARCH${done}`);
  assert.equal(
    await found('UID SEARCH RETURN (MIN MAX ALL COUNT) SUBJECT odd'),
    `* ESEARCH (TAG "T") UID MIN 1 MAX 5 ALL 1,3,5 COUNT 3${done}`,
  );
  assert.equal(await found('SEARCH RETURN () NOT ALL'), `* ESEARCH (TAG "T")${done}`);
  assert.equal(await found('SEARCH RETURN (COUNT) NOT ALL'), `* ESEARCH (TAG "T") COUNT 0${done}`);
  assert.equal(await found('UID SEARCH RETURN (PARTIAL 2:3) ALL'), `* ESEARCH (TAG "T") UID PARTIAL (2:3 2:3)${done}`);
  assert.equal(await found('SEARCH RETURN (PARTIAL -1:-2) ALL'), `* ESEARCH (TAG "T") PARTIAL (-2:-1 4:5)${done}`);
  assert.equal(await found('SEARCH RETURN (PARTIAL 9:12) ALL'), `* ESEARCH (TAG "T") PARTIAL (9:12 NIL)${done}`);
  assert.match(await found('SEARCH RETURN (PARTIAL 1:2 ALL) ALL'), /^BAD .*PARTIAL conflicts with ALL/);
  assert.match(
    await found('SEARCH RETURN (MIN) MODSEQ 1'),
    /^\* OK \[HIGHESTMODSEQ \d+\] Highest\|\* ESEARCH \(TAG "T"\) MIN 1 MODSEQ \d+\|OK/,
  );
  assert.match(await found('SEARCH MODSEQ 1'), /^\* SEARCH 1 2 3 4 5 \(MODSEQ \d+\)\|OK/);
  assert.equal(await found('SEARCH FOO'), 'BAD Error in IMAP command SEARCH: Unknown argument FOO.');
  assert.equal(await found('SEARCH CHARSET X-FOO TEXT a'), 'NO [BADCHARSET] Unknown charset.');
  await client.ask('ENABLE IMAP4rev2');
});

test('a saved result', async (t) => {
  const host = await imapHost(t);
  for (let number = 1; number <= 5; number++) put(host, number, 'x', 'x');
  const client = await host.loggedIn('INBOX');
  assert.deepEqual(await client.ask('SEARCH RETURN (SAVE) 2:4'), ['OK Search completed.']);
  assert.equal((await client.ask('SEARCH $'))[0], '* SEARCH 2 3 4');
  assert.equal((await client.ask('SEARCH NOT $'))[0], '* SEARCH 1 5');
  assert.equal((await client.ask('UID FETCH $ UID')).length, 4);
  await client.ask('STORE $ +FLAGS.SILENT (\\Deleted)');
  assert.deepEqual((await client.ask('UID EXPUNGE $')).slice(0, 3), ['* 4 EXPUNGE', '* 3 EXPUNGE', '* 2 EXPUNGE']);
  assert.equal((await client.ask('SEARCH $'))[0], '* SEARCH');
  await client.ask('SEARCH RETURN (SAVE MIN) ALL');
  assert.equal((await client.ask('UID SEARCH $'))[0], '* SEARCH 1');
  await client.ask('SEARCH RETURN (SAVE) CHARSET x-foo TEXT a');
  assert.equal((await client.ask('SEARCH $'))[0], '* SEARCH', 'a search that failed leaves nothing');
});

test('encoded texts, names of RFC 2231, words across pieces of a large message', async (t) => {
  const host = await imapHost(t);
  const mime = 'MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n';
  put(host, 1, '=?utf-8?Q?Gr=C3=BC=C3=9Fe?=', Buffer.from('schöne Worte').toString('base64'), mime);
  put(host, 2, 'file', 'x', "MIME-Version: 1.0\nContent-Disposition: attachment; filename*=utf-8''%C3%84rger.pdf\n");
  put(host, 3, 'large', `${'a line that says nothing\n'.repeat(40_000)}the needle\n${'more\n'.repeat(40_000)}`);
  const client = await host.loggedIn('INBOX');
  const search = async (keys: string): Promise<string | undefined> =>
    (
      await client.ask(
        `SEARCH ${Buffer.from(keys.replace(/<(.*)>/, (_, text: string) => `{${Buffer.byteLength(text)}+}\r\n${text}`)).toString('latin1')}`,
      )
    )[0];
  assert.equal(await search('SUBJECT <grüße>'), '* SEARCH 1');
  assert.equal(await search('BODY <SCHÖNE>'), '* SEARCH 1');
  assert.equal(await search('BODY schone'), '* SEARCH', 'accents count');
  assert.equal(await search('TEXT <ärger>'), '* SEARCH 2');
  assert.equal(await search('HEADER Content-Disposition <ärger>'), '* SEARCH 2');
  assert.equal(await search('BODY needle'), '* SEARCH 3');
  assert.equal(await search('BODY nothing LARGER 100000'), '* SEARCH 3');
  assert.equal(await search('BODY nowhere'), '* SEARCH');
  assert.equal(await search('OLDER 10'), '* SEARCH 1 2 3');
  assert.equal(await search('YOUNGER 10'), '* SEARCH');
});

test('SORT and THREAD', async (t) => {
  const host = await imapHost(t);
  put(host, 1, 'b', 'x');
  put(host, 2, 'Re: a', 'x', 'References: <3@x>\n');
  put(host, 3, 'a', 'x');
  put(host, 4, '_', 'x');
  put(host, 5, '[xyz', 'x');
  const client = await host.loggedIn('INBOX');
  assert.deepEqual(await client.ask('SORT (SUBJECT) UTF-8 ALL'), ['* SORT 2 3 1 5 4', 'OK Sort completed.']);
  await client.ask('STORE 4:5 +FLAGS.SILENT (\\Deleted)');
  await client.ask('EXPUNGE');
  assert.equal((await client.ask('UID SORT (REVERSE ARRIVAL) UTF-8 UID 2:3'))[0], '* SORT 3 2');
  assert.match(
    (await client.ask('SORT RETURN (MIN MAX COUNT) (REVERSE ARRIVAL) UTF-8 ALL'))[0] ?? '',
    /^\* ESEARCH \(TAG "[^"]+"\) MIN 3 MAX 1 COUNT 3$/,
  );
  assert.deepEqual(await client.ask('THREAD REFERENCES UTF-8 ALL'), ['* THREAD (1)(3 2)', 'OK Thread completed.']);
  assert.deepEqual(await client.ask('THREAD ORDEREDSUBJECT UTF-8 NOT ALL'), ['* THREAD', 'OK Thread completed.']);
  assert.match(await client.tagged('THREAD FOO UTF-8 ALL'), /^BAD .*Unknown thread algorithm/);
  assert.match(await client.tagged('SORT () UTF-8 ALL'), /^BAD .*Empty sort program/);
  assert.match(await client.tagged('SORT (FOO) UTF-8 ALL'), /^BAD .*Unknown sort argument: FOO/);
  assert.equal(await client.tagged('SORT (SUBJECT) X-FOO ALL'), 'NO [BADCHARSET] Unknown charset.');
});

test('messages that another session has expunged are left out, and the client is told', async (t) => {
  const host = await imapHost(t);
  for (const number of [1, 2, 3]) put(host, number, 'a', 'x');
  const client = await host.loggedIn('INBOX');
  const gone = host.names()[0] ?? '';
  unlinkSync(path.join(host.maildir(), gone));
  assert.deepEqual(await client.ask('SEARCH BODY x'), ['* SEARCH 2 3', 'OK [EXPUNGEISSUED] Search completed.']);
  assert.deepEqual(await client.ask('SEARCH ALL'), ['* SEARCH 2 3', 'OK [EXPUNGEISSUED] Search completed.']);
  assert.equal(await client.tagged('SORT (SUBJECT) UTF-8 ALL'), 'OK [EXPUNGEISSUED] Sort completed.');
  assert.equal(await client.tagged('THREAD REFERENCES UTF-8 ALL'), 'OK [EXPUNGEISSUED] Thread completed.');
  await client.ask('NOOP');
  assert.deepEqual(await client.ask('SEARCH ALL'), ['* SEARCH 1 2', 'OK Search completed.']);
});

test('RETURN (MIN) looks at no message behind the first that matches', async (t) => {
  const host = await imapHost(t);
  for (const number of [1, 2]) host.put(`cur/${number}.a:2,S`, 'Subject: hello\n\nHello.\n');
  const client = await host.loggedIn('INBOX');
  await client.ask('NOOP');
  const second = path.join(host.maildir(), 'cur/2.a:2,S');
  rmSync(second);
  // Has the name of a message, and cannot be read as one.
  mkdirSync(second);
  const answer = async (command: string): Promise<string | undefined> => (await client.ask(command)).at(-1);
  assert.equal(await answer('SEARCH RETURN (MIN) TEXT hello'), 'OK Search completed.');
  assert.equal(await answer('SEARCH RETURN (MIN SAVE) TEXT hello'), 'OK Search completed.');
  assert.equal(await answer('SEARCH RETURN (MIN MAX) TEXT hello'), 'OK [EXPUNGEISSUED] Search completed.');
});

test('with UTF8=ACCEPT texts are UTF-8, and no charset is named', async (t) => {
  const host = await imapHost(t);
  put(host, 1, '=?utf-8?Q?Gr=C3=BC=C3=9Fe?=', 'x');
  const client = await host.loggedIn('INBOX');
  await client.ask('ENABLE UTF8=ACCEPT');
  assert.match(await client.tagged('SEARCH CHARSET UTF-8 ALL'), /^BAD .*CHARSET cannot be used with UTF8=ACCEPT/);
  assert.equal((await client.ask(Buffer.from('SEARCH SUBJECT "grüße"')))[0], '* SEARCH 1');
});

test('SORT=DISPLAY orders by what people see: the name, else the address; I18NLEVEL=1: case counts for nothing in any script', async (t) => {
  const host = await imapHost(t);
  const people = [
    '"Zoe" <a@x.example>',
    'b@x.example',
    '=?UTF-8?B?w4lyaWM=?= <z@x.example>',
    '"anna" <y@x.example>',
    'Äbel',
  ];
  const subjects = ['STRASSE', 'straße', 'ÉCLAIR', 'éclair', 'Σίσυφος'];
  for (const [index, from] of people.entries())
    host.put(`cur/${index}.a:2,S`, `From: ${from}\nTo: ${people[4 - index]}\nSubject: ${subjects[index]}\n\nx\n`);
  const client = await host.loggedIn('INBOX');
  const sorted = async (keys: string): Promise<string | undefined> => (await client.ask(`SORT (${keys}) UTF-8 ALL`))[0];
  assert.equal(await sorted('DISPLAYFROM'), '* SORT 4 5 2 3 1');
  assert.equal(await sorted('REVERSE DISPLAYFROM'), '* SORT 1 3 2 5 4');
  assert.equal(await sorted('DISPLAYTO'), '* SORT 2 1 4 3 5');
  assert.equal(await sorted('FROM'), '* SORT 1 5 2 4 3');
  const found = async (text: string): Promise<string | undefined> => {
    const bytes = Buffer.from(text);
    return (await client.ask(Buffer.concat([Buffer.from(`SEARCH SUBJECT {${bytes.length}+}\r\n`), bytes])))[0];
  };
  assert.equal(await found('éCLAIR'), '* SEARCH 3 4');
  assert.equal(await found('ΣΊΣΥΦΟΣ'), '* SEARCH 5');
  assert.equal(await found('Strasse'), '* SEARCH 1', 'i;unicode-casemap knows simple case only');
});
