// Other services than POP3 under daemontools: the queue, and what is to be done by hand.

import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { until } from '../../support/front-end.js';
import { needs, needsRoot } from '../../support/needs.js';
import { makeQueue } from '../../support/queue-host.js';
import { runToolProgram } from '../../support/tool-program.js';
import { CutoverHost, daemontoolsPrograms, isDown } from './cutover-host.js';

describe('migrate cutover of other services', () => {
  it('moves the queue with its messages, and back', async (t) => {
    if (!needs(t, ...daemontoolsPrograms, 'flock') || !needsRoot(t)) return;
    const host = new CutoverHost(t);
    makeQueue(host.root);
    const mutex = path.join(host.layout.queue, 'lock/sendmutex');
    host.script('var/qmail/bin/qmail-start', `exec flock --no-fork ${mutex} sleep 100000`);
    host.script('service/qmail-send/run', `exec ${host.root}/var/qmail/bin/qmail-start ./Maildir/`);
    host.scan();
    const isHeld = async (): Promise<boolean> =>
      (await host.migrate(['cutover', 'queue'])).status === 0 &&
      readFileSync('/proc/locks', 'latin1').includes(`:${statSync(mutex).ino} `);
    await until(isHeld, () => 'qmail-send does not hold the queue');
    const sent = await runToolProgram(host.root, ['qmail-inject', '-f', 'eve@b.jp', 'joe@a.jp'], {
      stdin: 'Subject: waits\n\nx\n',
    });
    assert.equal(sent.status, 0, sent.stderr);
    const arrived = (): boolean =>
      host
        .names()
        .some(
          (name) =>
            name.startsWith('new/') && readFileSync(path.join(host.maildir, name), 'latin1').includes('Subject: waits'),
        );
    assert.equal(arrived(), false);
    const moved = await host.migrate(['cutover', 'queue', '--yes', '--', '--workers', '0']);
    assert.deepEqual([moved.status, moved.stderr], [0, ''], moved.stdout);
    await until(arrived, () => moved.stdout);
    const back = await host.migrate(['rollback', 'queue', '--yes']);
    assert.deepEqual([back.status, back.stderr], [0, ''], back.stdout);
    assert.deepEqual([isDown(host, 'qmail-send'), isDown(host, 'vqmail-queue')], [false, true]);
  });

  it('says what is to be done by hand', async (t) => {
    const host = new CutoverHost(t);
    const told = async (...words: string[]): Promise<string> => {
      const { status, stdout } = await host.migrate(['cutover', ...words]);
      assert.equal(status, 100);
      return stdout;
    };
    assert.match(
      await told('submission'),
      /^who starts submission and smtps was not found[\s\S]*vqmail serve --listen submission=/,
    );
    host.script('etc/rc.local', 'tcpserver 0 25 qmail-smtpd &');
    const byHand = await told('smtp', '--', '--workers', '2');
    assert.match(
      byHand,
      /^\/etc\/rc\.local:2 starts it by itself, and nothing tells how to stop and start it: by hand$/m,
    );
    assert.match(byHand, /^ {2}1\. take the line out of \/etc\/rc\.local:2$/m);
    assert.match(byHand, /^ {2}\d\. vqmail serve --listen smtp=0\.0\.0\.0:25 --root \S+ --queue beside --workers 2$/m);
    host.write(
      path.join(host.root, 'etc/systemd/system/dovecot.service'),
      '[Service]\nExecStart=/usr/sbin/dovecot -F\n',
    );
    host.write(path.join(host.root, 'etc/dovecot/dovecot.conf'), 'protocols = $protocols imap pop3\n');
    const both = await host.migrate([
      'cutover',
      'imap',
      'pop3',
      '--no-check',
      '--listen',
      'imap=127.0.0.1:1',
      '--listen',
      'pop3=127.0.0.1:2',
    ]);
    assert.match(both.stdout, /^cutover imap pop3: from dovecot\.service to vqmail-imap-pop3$/m);
    for (const words of [['queue', 'imap'], ['ftp'], ['imap', 'pop3', '--for', 'x']])
      assert.equal((await host.migrate(['cutover', ...words])).status, 100, words.join(' '));
  });

  it('takes a protocol from a Dovecot and a Postfix that go on with the rest', async (t) => {
    const host = new CutoverHost(t);
    await host.customaryPorts();
    host.write(
      path.join(host.root, 'etc/systemd/system/dovecot.service'),
      '[Service]\nExecStart=/usr/sbin/dovecot -F\n',
    );
    host.write(path.join(host.root, 'etc/dovecot/dovecot.conf'), 'protocols = imap pop3\n');
    host.write(
      path.join(host.root, 'etc/postfix/master.cf'),
      'smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n  -o smtpd_tls_security_level=encrypt\n',
    );
    host.write(path.join(host.root, 'etc/postfix/main.cf'), 'smtpd_sasl_type = dovecot\n');
    const shown = async (protocol: string): Promise<string[]> => {
      const listen = ['--listen', `${protocol}=127.0.0.1:1`];
      const { status, stdout } = await host.migrate(['cutover', protocol, '--no-check', ...listen]);
      assert.equal(status, 0, stdout);
      return stdout.replaceAll(host.root, '').split('\n');
    };
    const pop3 = await shown('pop3');
    assert.equal(pop3[0], 'cutover pop3: from Dovecot to vqmail-pop3');
    assert.ok(pop3.includes("  4. take pop3 out of 'protocols =' in /etc/dovecot/dovecot.conf"), pop3.join('\n'));
    assert.ok(pop3.includes('  5. doveadm -c /etc/dovecot/dovecot.conf reload'), pop3.join('\n'));
    const submission = await shown('submission');
    assert.equal(submission[0], 'cutover submission: from Postfix to vqmail-submission');
    assert.ok(
      submission.includes("  4. comment out 'submission inet n - y - - smtpd' in /etc/postfix/master.cf"),
      submission.join('\n'),
    );
  });
});
