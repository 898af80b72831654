// Dovecot and Courier as targets of an export, and servers that tell less than they do.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { courierPrograms } from '../../support/courier.js';
import { imapProxy } from '../../support/imap-proxy.js';
import { needs, needsRoot } from '../../support/needs.js';
import { day, TwoServers } from './two-servers.js';

describe('migrate export, to real servers', () => {
  for (const server of ['dovecot', 'courier'] as const)
    it(`takes folders of any name, flags, keywords and dates to ${server} and back, and follows flags`, async (t) => {
      if (server === 'dovecot' ? !needs(t, 'dovecot') : !needs(t, ...courierPrograms)) return;
      if (!needsRoot(t)) return;
      const host = new TwoServers(t);
      fs.writeFileSync(path.join(host.maildir, 'dovecot-keywords'), '0 $Label1\n1 Junk\n2 caf\xe9\n', 'latin1');
      host.put(host.maildir, 'cur/10.M1.h:2,FSab', 'Subject: 1\n\nA line.\n');
      host.put(host.maildir, 'cur/11.M1.h:2,RTac', 'Subject: 2\n\n', day + 1);
      host.put(host.maildir, 'new/12.M1.h', 'Subject: 3\n\n', day + 2);
      const folders = ['Sub', 'INBOX.Sub', 'Work.&ZeVnLIqe-', 'Caf&AOk-', 'R&-D', 'case', 'Case', 'a b.c'];
      for (const [index, name] of folders.entries())
        host.put(host.maildir, `.${name}/cur/2${index}.M1.h:2,S`, `Subject: in ${name}\n\n`, day + index);
      host.give(host.maildir);
      const before = await host.seen();
      const port = await host[server](t);
      const out = await host.copy('export', port);
      assert.deepEqual(out.told, ['INBOX, noted: the keyword caf\xe9 cannot be kept']);
      assert.deepEqual([out.counts.copied, out.counts.failed], [3 + folders.length, 0]);
      assert.deepEqual((await host.copy('export', port)).counts.known, 3 + folders.length);
      fs.renameSync(path.join(host.maildir, 'cur/10.M1.h:2,FSab'), path.join(host.maildir, 'cur/10.M1.h:2,Rb'));
      assert.deepEqual((await host.copy('export', port)).counts.changed, 1);
      fs.rmSync(host.maildir, { recursive: true });
      host.makeMaildir(host.maildir);
      host.give(host.maildir);
      const back = await host.copy('import', port);
      assert.deepEqual([back.counts.copied, back.told], [3 + folders.length, []]);
      const shown = (await host.seen()).map(({ name, messages }) => [name, messages]);
      assert.deepEqual(
        shown,
        before.map(({ name, messages }) => [
          name,
          messages.map((text) => text.replace(' caf\xe9', '').replace('FS $Label1 Junk', 'R Junk')),
        ]),
      );
    });

  it('finds again what Courier has stored otherwise than it was sent, when the connection is lost before the answer', async (t) => {
    if (!needs(t, ...courierPrograms) || !needsRoot(t)) return;
    const host = new TwoServers(t);
    const texts = ['Subject: no end\n\nno end', 'Subject: CR\n\na\rb\r\r\nc\n', ''];
    for (const [index, text] of texts.entries()) host.put(host.maildir, `cur/1${index}.M1.h:2,S`, text);
    host.give(host.maildir);
    const proxy = await imapProxy(t, await host.courier(t), (line) =>
      / APPEND /.test(line) && ++appends <= 3 ? 'pass, cut the answer' : 'pass',
    );
    let appends = 0;
    const { counts } = await host.copy('export', proxy);
    assert.deepEqual([counts.copied, counts.known, counts.failed], [0, 3, 0]);
    const there = ['cur', 'new'].flatMap((part) => fs.readdirSync(path.join(host.oldMaildir, part)));
    assert.equal(there.length, 3);
  });

  it('finds the UIDs where the server does not tell them (no UIDPLUS), and follows flags', async (t) => {
    if (!needs(t, 'dovecot') || !needsRoot(t)) return;
    const host = new TwoServers(t);
    for (const number of [10, 11]) host.put(host.maildir, `cur/${number}.M1.h:2,S`, `Subject: ${number}\n\n`);
    host.give(host.maildir);
    const rewrite = (answer: string): string => answer.replace(/ UIDPLUS/g, '').replace(/\[APPENDUID [0-9 ]*\] /g, '');
    const proxy = await imapProxy(t, await host.dovecot(t), () => 'pass', { rewrite });
    assert.equal((await host.copy('export', proxy)).counts.copied, 2);
    fs.renameSync(path.join(host.maildir, 'cur/11.M1.h:2,S'), path.join(host.maildir, 'cur/11.M1.h:2,F'));
    const { counts } = await host.copy('export', proxy);
    assert.deepEqual([counts.copied, counts.known, counts.changed], [0, 2, 1]);
    const there = fs.readdirSync(path.join(host.oldMaildir, 'cur')).map((name) => name.replace(/.*,/, ''));
    assert.deepEqual(there.sort(), ['F', 'S']);
  });

  it('tells a keyword once that the target has no room for (PERMANENTFLAGS without \\*)', async (t) => {
    if (!needs(t, 'dovecot') || !needsRoot(t)) return;
    const host = new TwoServers(t);
    fs.writeFileSync(path.join(host.maildir, 'dovecot-keywords'), '0 $Label1\n1 Junk\n');
    for (const number of [10, 11]) host.put(host.maildir, `cur/${number}.M1.h:2,Sab`, `Subject: ${number}\n\n`);
    host.give(host.maildir);
    const rewrite = (answer: string): string => answer.replace(/(PERMANENTFLAGS \([^)]*)\\\*/g, '$1$Label1');
    const proxy = await imapProxy(t, await host.dovecot(t), () => 'pass', { rewrite });
    const { counts, told } = await host.copy('export', proxy);
    assert.deepEqual(told, ['INBOX, noted: the keyword Junk cannot be kept']);
    assert.deepEqual([counts.copied, counts.failed], [2, 0]);
    const keywords = fs.readFileSync(path.join(host.oldMaildir, 'dovecot-keywords'), 'latin1');
    assert.equal(keywords, '0 $Label1\n');
    const again = await host.copy('export', proxy);
    assert.deepEqual([again.counts.changed, again.told], [0, told]);
  });
});
