// One message through everything, with the real processes as root: by SMTP to a Maildir, a forward, a program, a list, a system user, ~alias, an mbox and another host. Each gets it
// exactly once, and what is written or run has the uid that qmail would give it.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { enqueue } from '../../src/queue/enqueue/native.js';
import { QueueFiles } from '../../src/queue/files.js';
import { QueueTree } from '../../src/queue/tree.js';
import { needsRoot } from '../support/needs.js';
import { startSink } from '../support/smtp-sink.js';
import { until } from './sample-server.js';
import { alias, hoster, ServedQueue, vpopmail } from './served-queue.js';

const domain = '/home/vpopmail/domains/mailtest.example.jp';
const whoami = 'echo "$(id -u) $(id -g) $(id -G)"';

test('one message to a Maildir, forward, program, list, mbox, system user, alias and another host', async (t) => {
  if (!needsRoot(t)) return;
  const host = new ServedQueue(t, { args: ['--workers', '2'] });
  const sink = await startSink();
  t.after(() => sink.stop());
  host.control('smtproutes', `:127.0.0.1:${sink.port}\n`);
  host.dotQmail('domain', '-fwd', '&hanako@mailtest.example.jp\n&far@remote.example\n');
  host.dotQmail('domain', '-prog', `|${whoami} > prog.ids; env > prog.env; cat > prog.mail\n`);
  host.dotQmail('domain', '-list', '&one@remote.example\n&two@remote.example\n+list\n');
  host.dotQmail('domain', '-list-owner', '&postmaster@mailtest.example.jp\n');
  host.dotQmail('domain', '-list-owner-default', '&postmaster@mailtest.example.jp\n');
  host.dotQmail('hoster', '-box', './box\n');
  host.dotQmail('hoster', '-prog', `|${whoami} > prog.ids; umask > prog.umask; ls -l /proc/$$/fd > prog.fds\n`);
  host.dotQmail('alias', '-info', `|${whoami} > ids\n&hoster@local.example\n`);
  await host.start();

  const recipients = [
    'test@mailtest.example.jp',
    'fwd@mailtest.example.jp',
    'prog@mailtest.example.jp',
    'list@mailtest.example.jp',
    'hoster@local.example',
    'hoster-box@local.example',
    'hoster-prog@local.example',
    'info@local.example',
    'direct@remote.example',
  ];
  assert.match(await host.send('joe@client.example', recipients, 'Subject: all\n\nhello\n'), /^250 ok \d+ qp \d+$/);
  await host.emptied();

  assert.equal(host.accountMail('test').length, 1);
  assert.equal(host.accountMail('hanako').length, 1, 'the forward');
  assert.match(host.accountMail('hanako')[0] ?? '', /^Return-Path: <joe@client\.example>\nDelivered-To: hanako@/);
  assert.match(host.accountMail('hanako')[0] ?? '', /^Received: \(qmail \d+ invoked by uid 6020\);/m);
  assert.equal(host.accountMail('postmaster').length, 0);
  assert.equal(host.mail('/home/hoster/Maildir').length, 2, 'hoster, and info by ~alias');
  assert.match(host.mail('/home/hoster/Maildir').join(), /^Received: \(qmail \d+ invoked by alias\);/m);
  assert.equal(host.read('/home/hoster/box').match(/^From joe@client\.example /gm)?.length, 1);

  const ids = ({ uid, gid }: { uid: number; gid: number }): string => `${uid} ${gid} ${gid}\n`;
  assert.equal(host.read(`${domain}/prog.ids`), ids(vpopmail));
  assert.equal(host.read('/home/hoster/prog.ids'), ids(hoster));
  assert.equal(host.read('/var/qmail/alias/ids'), ids(alias));
  assert.equal(host.read('/home/hoster/prog.umask'), '0077\n');
  assert.doesNotMatch(host.read('/home/hoster/prog.fds'), /socket:/, 'no channel of ours');
  assert.match(host.read(`${domain}/prog.mail`), /^Received: \(qmail \d+ invoked from network\);.*\n\nhello\n$/s);
  const env = host.read(`${domain}/prog.env`).split('\n');
  for (const line of [
    'SENDER=joe@client.example',
    'RECIPIENT=mailtest.example.jp-prog@mailtest.example.jp',
    'USER=mailtest.example.jp',
    `HOME=${domain}`,
    'EXT=prog',
    'HOST=mailtest.example.jp',
    'HOST2=mailtest.example',
  ])
    assert.ok(env.includes(line), line);
  assert.deepEqual(
    env.filter((line) => /^(?:NODE_CHANNEL|VQMAIL_(?!ROOT)|UV_)/.test(line)),
    [],
    'nothing of our own processes',
  );
  for (const [file, owner] of [
    [`${domain}/prog.ids`, vpopmail],
    ['/home/hoster/box', hoster],
    ['/var/qmail/alias/ids', alias],
  ] as const) {
    const { uid, gid } = statSync(path.join(host.root, file));
    // The directory of alias has the set-group-id bit.
    assert.deepEqual([uid, gid], [owner.uid, owner === alias ? 6010 : owner.gid], file);
  }
  for (const maildir of ['/home/hoster/Maildir', `${domain}/hanako/Maildir`]) {
    const directory = path.join(host.root, maildir, 'new');
    const owner = maildir.startsWith('/home/hoster') ? hoster : vpopmail;
    for (const name of readdirSync(directory)) {
      const { uid, gid, mode } = statSync(path.join(directory, name));
      assert.deepEqual([uid, gid, mode & 0o777], [owner.uid, owner.gid, 0o600], name);
    }
  }

  const envelopes = sink.commands().filter((line) => /^(?:MAIL|RCPT)/.test(line));
  const sent = envelopes.reduce<string[]>((pairs, line) => {
    if (line.startsWith('MAIL')) pairs.push(`${line.slice(10)} ->`);
    else pairs.push(`${pairs.pop()} ${line.slice(8)}`);
    return pairs;
  }, []);
  assert.deepEqual(sent.sort(), [
    '<joe@client.example> -> <direct@remote.example>',
    '<joe@client.example> -> <far@remote.example>',
    '<mailtest.example.jp-list-owner-one=remote.example@mailtest.example.jp> -> <one@remote.example>',
    '<mailtest.example.jp-list-owner-two=remote.example@mailtest.example.jp> -> <two@remote.example>',
  ]);
  assert.equal(sink.messages().length, 4);

  const log = host.server.log();
  assert.match(log, /^delivery \d+: success: did_0\+2\+0\/qp_\d+\/$/m);
  assert.match(log, /^delivery \d+: success: did_0\+0\+1\/$/m);
  assert.match(log, /^delivery \d+: success: did_1\+0\+0\/$/m);
  assert.match(log, /^info msg \d+: bytes \d+ from <joe@client\.example> qp \d+ uid 6020$/m);
  assert.doesNotMatch(log, /warning|alert/);
  assert.equal(await host.server.stop(), 0);
  await until(() => host.server.log().includes('status: exiting'));
});

test("a message in the queue that is not qmailq's is put off", async (t) => {
  if (!needsRoot(t)) return;
  const host = new ServedQueue(t);
  const files = new QueueFiles();
  const tree = await QueueTree.open(host.layout, files);
  assert.ok(tree);
  const invoker = {
    uid: hoster.uid,
    pid: 42,
    nowSeconds: Math.floor(Date.now() / 1000),
    invokedBy: 'network' as const,
  };
  const envelope = { sender: 'joe@client.example', recipients: ['hoster@local.example', 'far@remote.example'] };
  const message = Buffer.from('Subject: not by qmail-queue\n\nhello\n');
  const { id } = await enqueue({ tree, files, owner: hoster }, { message, ...envelope, ...invoker });
  await host.start();
  const refusals = (): number =>
    host.server.log().match(/^delivery \d+: deferral: Sorry,_message_has_wrong_owner\._\(#4\.3\.5\)\/$/gm)?.length ?? 0;
  await until(() => refusals() === 2);
  assert.ok(existsSync(tree.mess(id)));
  assert.equal(host.mail('/home/hoster/Maildir').length, 0);
});
