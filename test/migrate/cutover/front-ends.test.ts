// A real Dovecot and a real Postfix that give up a part of what they serve: what goes wrong is taken back, whenever it was killed, and their files are as before, byte for byte.

import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { needs, needsRoot } from '../../support/needs.js';
import { freePort, waitForPort } from '../../support/ports.js';
import { startPostfix } from '../../support/postfix.js';
import { CutoverHost, daemontoolsPrograms, movesAndReturns } from './cutover-host.js';
import { dovecotAt, dovecotFile } from './dovecot-host.js';

/** Bytes, mode and owner. */
function lookOf(file: string): unknown {
  const { mode, uid, gid } = statSync(file);
  return { text: readFileSync(file, 'latin1'), mode, uid, gid };
}

describe('migrate cutover of a part of a front end', () => {
  it('Dovecot, whose protocols are those of files that it includes, as Debian has it', async (t) => {
    if (!needs(t, 'dovecot', 'doveadm', ...daemontoolsPrograms) || !needsRoot(t)) return;
    const host = new CutoverHost(t);
    await host.customaryPorts();
    const address = '127.25.87.5';
    for (const name of ['imap', 'pop3'])
      host.write(path.join(host.root, `etc/dovecot/protocols.d/${name}d.protocol`), `protocols = $protocols ${name}\n`);
    const start = dovecotAt(host, address, '!include_try protocols.d/*.protocol');
    const file = dovecotFile(host);
    const before = lookOf(file);
    host.script('service/dovecot/run', `exec ${start} 2>/dev/null`);
    host.scan();
    for (const port of [110, 143]) await waitForPort(port, () => 'dovecot', address);
    const { ports } = await host.serve('--uidl', 'dovecot');
    const beside = `pop3=127.0.0.1:${ports.pop3}`;
    await movesAndReturns(host, {
      protocols: ['pop3'],
      beside: [beside],
      wrong: ['--uidl', 'qmail'],
      told: /^pop3 joe@a\.jp: unique ids: /m,
      serve: ['--uidl', 'dovecot'],
      serves: (isOld) => {
        if (isOld) assert.deepEqual(lookOf(file), before);
        else assert.match(readFileSync(file, 'latin1'), /^protocols = imap$/m);
      },
    });
    const cutover = ['cutover', 'pop3', '--no-check', '--yes', '--', '--uidl', 'dovecot', '--workers', '0'];
    for (const line of [/^take pop3 out of /m, /^doveadm .* reload$/m, /^svc -u /m]) {
      await host.killedAt(line, cutover);
      if (line.source.startsWith('^doveadm')) await host.killedAt(/^put pop3 into /m, ['rollback', 'pop3', '--yes']);
      const back = await host.migrate(['rollback', 'pop3', '--yes']);
      assert.deepEqual([back.status, back.stderr], [0, ''], back.stdout);
      assert.deepEqual(lookOf(file), before, `killed at ${line}`);
    }
    for (const port of [110, 143]) await waitForPort(port, () => 'dovecot', address);
  });

  it('Postfix in front: its lines in master.cf, and nothing of the qmail-smtpd behind it', async (t) => {
    if (!needs(t, 'postfix', ...daemontoolsPrograms) || !needsRoot(t)) return;
    const host = new CutoverHost(t);
    await host.customaryPorts();
    const address = '127.25.87.6';
    const addresses = ['joe@a.jp', 'sales@a.jp', 'joe@b.jp', 'sales@b.jp'].map((each) => `${each}=1`);
    const postfix = await startPostfix(
      [
        'virtual_mailbox_domains = a.jp b.jp',
        `virtual_mailbox_maps = inline:{${addresses.join(', ')}}`,
        'virtual_transport = discard:',
        'mynetworks =',
      ],
      [],
      {
        services: [
          '# The world and our users:',
          `${address}:smtp      inet  n       -       n       -       -       smtpd`,
          `${address}:submission inet n       -       n       -       -       smtpd`,
          '  -o syslog_name=postfix/submission',
          '#  -o smtpd_tls_security_level=encrypt',
          '  -o smtpd_delay_reject=yes',
        ],
        config: path.join(host.root, 'etc/postfix'),
      },
    );
    host.stopWith(() => postfix.stop());
    host.script('service/qmail-smtpd/run', `exec tcpserver -HRl0 127.0.0.1 ${await freePort()} true`);
    host.scan();
    for (const port of [25, 587]) await waitForPort(port, () => postfix.log(), address);
    const file = path.join(postfix.config, 'master.cf');
    const before = lookOf(file);
    const lines = (): string => readFileSync(file, 'latin1');
    const { ports } = await host.serve();
    await movesAndReturns(host, {
      protocols: ['smtp'],
      beside: [`smtp=127.0.0.1:${ports.smtp}`],
      wrong: ['--no-such-option'],
      told: /^failed: nobody greets at smtp=127\.25\.87\.6:25 /m,
      wait: 6,
      serves: (isOld) => {
        if (isOld) assert.deepEqual(lookOf(file), before);
        else assert.match(lines(), /^#127\.25\.87\.6:smtp {6}inet .*\n127\.25\.87\.6:submission inet /m);
      },
    });
    const options = ['--no-check', '--yes', '--', '--queue', 'off', '--workers', '0'];
    for (const protocol of ['submission', 'smtp']) {
      const moved = await host.migrate(['cutover', protocol, ...options]);
      assert.deepEqual([moved.status, moved.stderr], [0, ''], moved.stdout);
    }
    assert.match(
      lines(),
      /^#127\.25\.87\.6:smtp .*\n#127\.25\.87\.6:submission .*\n# {2}-o syslog_name=postfix\/submission\n## {2}-o smtpd_tls.*\n# {2}-o smtpd_delay_reject=yes\n/m,
    );
    for (const protocol of ['submission', 'smtp']) {
      const back = await host.migrate(['rollback', protocol, '--yes']);
      assert.deepEqual([back.status, back.stderr], [0, ''], back.stdout);
    }
    assert.deepEqual(lookOf(file), before);
  });
});
