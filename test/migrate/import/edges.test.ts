// What other servers have that does not fit here at once: keywords, odd messages, dates, folders that show others' mail.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { copyAccount } from '../../../migrate/copy/copy.js';
import { openHostAccount } from '../../../migrate/copy/host-account.js';
import { HostTarget } from '../../../migrate/copy/host-target.js';
import { Journal } from '../../../migrate/copy/journal.js';
import { ImapSource } from '../../../migrate/imap/imap-source.js';
import { parseImapPlace } from '../../../migrate/imap/place.js';
import { ImapSession } from '../../../migrate/imap/session.js';
import { courierPrograms } from '../../support/courier.js';
import { mailOwner } from '../../support/delivery-host.js';
import { imapHost, testPassword } from '../../support/imap-host.js';
import { imapProxy } from '../../support/imap-proxy.js';
import { needs, needsRoot } from '../../support/needs.js';
import { day, TwoServers } from './two-servers.js';

const longKeyword = 'k'.repeat(60);

describe('migrate import, what does not fit', () => {
  it('tells a keyword once that cannot be kept here', async (t) => {
    if (!needs(t, ...courierPrograms) || !needsRoot(t)) return;
    const host = new TwoServers(t);
    for (const number of [10, 11]) host.put(host.oldMaildir, `cur/${number}.M1.h:2,S`, `Subject: ${number}\n\n`);
    const keywords = path.join(host.oldMaildir, 'courierimapkeywords');
    fs.mkdirSync(keywords);
    for (const number of [10, 11]) fs.writeFileSync(path.join(keywords, `${number}.M1.h`), `Later\n${longKeyword}\n`);
    const { counts, told } = await host.copy('import', await host.courier(t));
    assert.deepEqual(told, [`INBOX, noted: the keyword ${longKeyword} cannot be kept`]);
    assert.deepEqual([counts.copied, counts.failed], [2, 0]);
    assert.deepEqual((await host.seen())[0]?.messages, [`S Later ${day} Subject: 10`, `S Later ${day} Subject: 11`]);
  });

  it('copies messages without head, without date, with lines of any kind, of 50 MB; and tells one of no bytes', async (t) => {
    if (!needs(t, 'dovecot') || !needsRoot(t)) return;
    const host = new TwoServers(t);
    const texts = [
      '\nonly a body\n',
      'Subject: no body',
      'Subject: bare\r\rCR\n\n\0 and \xff and a last line',
      `Subject: long\n\n${'x'.repeat(100_000)}\n`,
      `Subject: 50 MB\n\n${`${'y'.repeat(75)}\n`.repeat(690_000)}`,
    ];
    for (const [index, text] of texts.entries()) {
      host.put(host.oldMaildir, `cur/1${index}.M1.h:2,S`, '');
      fs.writeFileSync(path.join(host.oldMaildir, `cur/1${index}.M1.h:2,S`), text, 'latin1');
    }
    host.put(host.oldMaildir, 'cur/19.M1.h:2,S', '');
    const port = await host.dovecot(t);
    const { counts, told } = await host.copy('import', port);
    assert.deepEqual(told, ["INBOX 6: Can't save a zero byte message"]);
    assert.deepEqual([counts.copied, counts.failed], [texts.length, 1]);
    const parts = ['cur', 'new'].map((part) => path.join(host.maildir, part));
    const files = parts.flatMap((part) => fs.readdirSync(part).map((name) => path.join(part, name)));
    const copies = files.map((file) => fs.readFileSync(file, 'latin1').replaceAll('\r\n', '\n'));
    // Dovecot itself gives NUL as 0x80: a literal cannot have it.
    const expected = texts.map((text) => text.replaceAll('\0', '\x80'));
    assert.deepEqual(copies.map(short).sort(), expected.map(short).sort());
  });

  it('keeps the moment of a date in any zone; one that is none is now', async (t) => {
    if (!needs(t, 'dovecot') || !needsRoot(t)) return;
    const host = new TwoServers(t);
    for (const number of [10, 11, 12]) host.put(host.oldMaildir, `cur/${number}.M1.h:2,S`, `Subject: ${number}\n\n`);
    const dates = ['15-Nov-2023 07:13:20 +0900', '14-Nov-2023 14:43:20 -0730', '00-Xxx-0000 00:00:00 +0000'];
    const rewrite = (answer: string): string => {
      let index = 0;
      return answer.replace(/INTERNALDATE "[^"]*"/g, () => `INTERNALDATE "${dates[index++]}"`);
    };
    const proxy = await imapProxy(t, await host.dovecot(t), () => 'pass', { rewrite });
    const { counts } = await host.copy('import', proxy);
    assert.equal(counts.copied, 3);
    const messages = (await host.seen())[0]?.messages ?? [];
    assert.deepEqual(messages.slice(0, 2), [`S ${day} Subject: 10`, `S ${day} Subject: 11`]);
    const [, seconds] = messages[2]?.split(' ') ?? [];
    assert.ok(Number(seconds) > day + 3e7);
  });

  it('is repeated: what is new and marked at the source follows, what is expunged there stays here', async (t) => {
    if (!needs(t, 'dovecot') || !needsRoot(t)) return;
    const host = new TwoServers(t);
    for (const number of [10, 11, 12]) host.put(host.oldMaildir, `cur/${number}.M1.h:2,S`, `Subject: ${number}\n\n`);
    const port = await host.dovecot(t);
    await host.copy('import', port);
    fs.renameSync(path.join(host.oldMaildir, 'cur/11.M1.h:2,S'), path.join(host.oldMaildir, 'cur/11.M1.h:2,FR'));
    fs.rmSync(path.join(host.oldMaildir, 'cur/10.M1.h:2,S'));
    host.put(host.oldMaildir, 'new/13.M1.h', 'Subject: 13\n\n');
    host.give(host.oldMaildir);
    const { counts, told } = await host.copy('import', port);
    assert.deepEqual([counts.copied, counts.known, counts.changed, told], [1, 2, 1, []]);
    assert.deepEqual((await host.seen())[0]?.messages, [
      `S ${day} Subject: 10`,
      `FR ${day} Subject: 11`,
      `S ${day} Subject: 12`,
      `${day} Subject: 13`,
    ]);
  });

  for (const hasIds of [true, false])
    it(`of a folder that shows all mail ${hasIds ? 'copies what no other has' : 'copies nothing, where messages have no ids'}`, async (t) => {
      const old = await imapHost(t);
      for (const folder of ['Work', 'All', 'Starred', 'Trash']) old.makeFolder(folder);
      old.put('cur/1.a:2,S', 'Subject: 1\n\n', { mtime: day });
      old.put('.Work/cur/2.a:2,S', 'Subject: w\n\n', { mtime: day });
      old.put('.All/cur/3.a:2,F', 'Subject: archived\n\n', { mtime: day });
      for (const [from, to] of [
        ['INBOX', 'All'],
        ['Work', 'All'],
        ['All', 'Starred'],
      ] as const)
        await (await old.loggedIn(from)).tagged(`COPY 1 ${to}`);
      const rewrite = (answer: string): string =>
        answer
          .replace(hasIds ? / COMPRESS=DEFLATE/g : / (COMPRESS=DEFLATE|OBJECTID)/g, '')
          .replace(/\* LIST \(([^)]*)\) ("." "?All"?\r)/, '* LIST ($1 \\All) $2')
          .replace(/\* LIST \(([^)]*)\) ("." "?Starred"?\r)/, '* LIST ($1 \\Flagged) $2');
      const port = await imapProxy(t, old.port, () => 'pass', { rewrite });
      const host = new TwoServers(t);
      const source = new ImapSource(
        new ImapSession(parseImapPlace(`imap://test@mailtest.example.jp@127.0.0.1:${port}`), {
          password: testPassword,
          allowAnyCertificate: false,
          allowClear: false,
          tell: () => {},
        }),
      );
      const journal = Journal.open(path.join(host.folder, 'state'), 'a', 'b', mailOwner);
      const told: string[] = [];
      const counts = await copyAccount(source, new HostTarget(openHostAccount(host.layout, 'joe@a.jp')), journal, {
        report: (folder, what, problem) => void told.push(`${folder} ${what}: ${problem}`),
        note: (folder, text) => void told.push(`${folder}: ${text}`),
        progress: () => {},
      });
      journal.close();
      await source.close();
      const isShown = 'shows what other folders hold and is left out';
      assert.equal(counts.failed, 0);
      assert.deepEqual(
        told.sort(),
        hasIds ? ['All: of it only what no other folder holds is copied', `Starred: ${isShown}`] : [`All: ${isShown}`],
      );
      assert.deepEqual(
        (await host.seen()).map(({ name, messages }) => [name, ...messages]),
        [
          ['INBOX', `S ${day} Subject: 1`],
          hasIds ? ['All', `F ${day} Subject: archived`] : ['Starred', `F ${day} Subject: archived`],
          ['Trash'],
          ['Work', `S ${day} Subject: w`],
        ],
      );
    });
});

/** A text in few words, for messages of assertions. */
function short(text: string): string {
  return `${text.length} ${text.slice(0, 40)}...${text.slice(-20)}`;
}
