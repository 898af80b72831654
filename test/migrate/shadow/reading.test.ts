// Dovecot and Courier, as they were, beside our server: nothing that a client would notice differs; and what differs is told.

import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { makeAuthority } from '../../support/certificates.js';
import { courierPrograms, startCourier } from '../../support/courier.js';
import { startDovecot } from '../../support/dovecot.js';
import { needs, needsRoot } from '../../support/needs.js';
import { freePort } from '../../support/ports.js';
import { ShadowHost } from './shadow-host.js';

describe('migrate shadow of POP3 and IMAP', () => {
  for (const recording of ['dovecot-basic', 'mime-dovecot'])
    it(`beside Dovecot nothing differs, and nothing is changed: ${recording}`, async (t) => {
      if (!needs(t, 'dovecot') || !needsRoot(t)) return;
      const host = new ShadowHost(t, recording);
      const [pop3, imap] = [await startDovecot(t, host.account), await startDovecot(t, host.account, 'imap')];
      const { ports } = await host.serve('--uidl', 'dovecot');
      const first = await host.shadow({ pop3: [pop3, ports.pop3 ?? 0], imap: [imap, ports.imap ?? 0] });
      const noticed = first.stdout.split('\n').filter((line) => line !== '' && !line.startsWith('note: '));
      assert.equal(noticed.length, 1, first.stdout);
      assert.match(first.stdout, /pop3: 1 accounts, \d+ messages; imap: 1 accounts, \d+ messages: nothing differs/);
      assert.deepEqual([first.exit, first.stderr], [0, '']);
      // The first login of anybody moves mail to cur/; the second changes nothing.
      const names = host.names();
      assert.equal((await host.shadow({ pop3: [pop3, ports.pop3 ?? 0], imap: [imap, ports.imap ?? 0] })).exit, 0);
      assert.deepEqual(host.names(), names);
    });

  it('compares POP3 and IMAP in clear, with STLS and STARTTLS, and with TLS from the first byte, in one run', async (t) => {
    if (!needs(t, 'dovecot', 'openssl') || !needsRoot(t)) return;
    const host = new ShadowHost(t, 'dovecot-basic');
    const pem = path.join(host.root, 'pop3.pem');
    writeFileSync(pem, makeAuthority(host.root).issue('mail.a.jp'), { mode: 0o600 });
    const startBoth = async (protocol: 'pop3' | 'imap'): Promise<[number, number]> => {
      const secure = await freePort();
      const listener = `service ${protocol}-login {\n  inet_listener ${protocol}s {\n    port = ${secure}\n    ssl = yes\n  }\n}\n`;
      const settings = `ssl = yes\nssl_cert = <${pem}\nssl_key = <${pem}\n${listener}`;
      return [await startDovecot(t, host.account, protocol, settings), secure];
    };
    const [[pop3, pop3s], [imap, imaps]] = [await startBoth('pop3'), await startBoth('imap')];
    const listen = ['--listen', 'pop3s=127.0.0.1:0', '--listen', 'imaps=127.0.0.1:0'];
    const { ports } = await host.serve('--uidl', 'dovecot', '--tls-certificate', pem, ...listen);
    const ours = (name: string): number => ports[name] ?? 0;
    const clear = { pop3: [pop3, ours('pop3')], imap: [imap, ours('imap')] } as const;
    const secure = { pop3s: [pop3s, ours('pop3s')], imaps: [imaps, ours('imaps')] } as const;
    const count = '\\d+ messages';
    const all = await host.shadow({ ...clear, ...secure });
    const told = ['pop3', 'imap', 'pop3s', 'imaps'].map((name) => `${name}: 1 accounts, ${count}`).join('; ');
    assert.match(all.stdout, new RegExp(`^${told}: nothing differs`, 'm'));
    assert.deepEqual([all.exit, all.stderr], [0, '']);
    const begun = { 'pop3,starttls': clear.pop3, 'imap,starttls': clear.imap };
    assert.equal((await host.shadow(begun)).exit, 0);
    const crossed = await host.shadow({ pop3s: [pop3s, ours('imaps')] });
    assert.match(crossed.stdout, /^pop3s joe@a\.jp: could not be compared: /m);
    assert.equal(crossed.exit, 1);
    const at = (name: string, port: number): string => `${name}=127.0.0.1:${port}`;
    const unlike = ['--old', at('pop3s', pop3s), '--new', at('pop3', ours('pop3'))];
    assert.equal((await host.shadow({}, ...unlike)).exit, 0, 'another way in to the same protocol');
    const unpaired = await host.shadow({}, ...unlike, '--old', at('pop3', pop3), '--new', at('imap', ours('imap')));
    assert.match(unpaired.stderr, /one --old and one --new imap=HOST:PORT are needed/);
    assert.equal(unpaired.exit, 100);
  });

  it('beside Courier nothing differs but what it makes of broken address fields', async (t) => {
    if (!needs(t, ...courierPrograms) || !needsRoot(t)) return;
    const [old, ours] = [new ShadowHost(t, 'courier-basic'), new ShadowHost(t, 'courier-basic')];
    const [pop3, imap] = [await startCourier(t, old.account, 'pop3'), await startCourier(t, old.account, 'imap')];
    const { ports } = await ours.serve('--uidl', 'courier', '--imap-namespace', 'INBOX.');
    const both = { pop3: [pop3, ports.pop3 ?? 0], imap: [imap, ports.imap ?? 0] } as const;
    const { exit, stdout } = await ours.shadow(both);
    const noticed = stdout.split('\n').filter((line) => /^(?:pop3|imap) /.test(line));
    assert.ok(noticed.length > 0 && noticed.every((line) => / ENVELOPE (?:to|subject): /.test(line)), stdout);
    assert.equal(exit, 1);
    const names = old.names();
    const ignoring = await ours.shadow(both, '--ignore', 'ENVELOPE');
    assert.deepEqual([ignoring.exit, ignoring.stderr], [0, ''], ignoring.stdout);
    assert.deepEqual(old.names(), names);
  });

  it('tells each thing that a client would notice', async (t) => {
    if (!needs(t, 'dovecot') || !needsRoot(t)) return;
    const [old, ours] = [new ShadowHost(t, 'dovecot-basic'), new ShadowHost(t, 'dovecot-basic')];
    const [pop3, imap] = [await startDovecot(t, old.account), await startDovecot(t, old.account, 'imap')];
    const [first = '', second = '', third = ''] = ours.names().filter((name) => name.startsWith('cur/'));
    ours.rename(first, `${first.replace(/:2,.*/, '')}:2,DF`);
    rmSync(path.join(ours.maildir, second));
    appendFileSync(path.join(ours.maildir, third), 'one more line\n');
    rmSync(path.join(ours.maildir, '.Drafts'), { recursive: true });
    writeFileSync(path.join(ours.maildir, 'subscriptions'), 'V\t2\n\nTrash\n');
    const list = path.join(ours.maildir, '.Work.Projects/dovecot-uidlist');
    writeFileSync(list, readFileSync(list, 'latin1').replace(/V[0-9]+/, 'V7'));
    ours.give();
    const { ports } = await ours.serve('--uidl', 'dovecot');
    const { exit, stdout } = await ours.shadow({ pop3: [pop3, ports.pop3 ?? 0], imap: [imap, ports.imap ?? 0] });
    assert.equal(exit, 1);
    for (const line of [
      /^pop3 joe@a\.jp: unique ids: old alone has [0-9a-f]{16}, new no others \(POP3 clients download these again\)$/m,
      /^pop3 joe@a\.jp: [0-9a-f]{16}: hash of its text: old \S{22}, new \S{22}$/m,
      /^imap joe@a\.jp: folders: old alone has Drafts, new no others$/m,
      /^imap joe@a\.jp \S+: subscribed: old yes, new no$/m,
      /^imap joe@a\.jp Work\.Projects: uidValidity: old \d+, new 7 \(IMAP clients download everything again\)$/m,
      /^imap joe@a\.jp INBOX: messages: old \d+, new \d+$/m,
      /^imap joe@a\.jp INBOX: UIDs: old alone has \d+, new no others$/m,
      /^imap joe@a\.jp INBOX: UID \d+: flags: old .*, new \\Draft \\Flagged$/m,
      /^imap joe@a\.jp INBOX: UID \d+: size: old \d+, new \d+$/m,
    ])
      assert.match(stdout, line);
    const json = await ours.shadow({ imap: [imap, ports.imap ?? 0] }, '--json', '--messages', '1');
    const report = JSON.parse(json.stdout) as { differences: unknown[]; compared: unknown[] };
    assert.ok(report.differences.length > 3);
    assert.equal(report.compared.length, 1);
  });

  it("logs in to the old server as Dovecot's master user", async (t) => {
    if (!needs(t, 'dovecot') || !needsRoot(t)) return;
    const host = new ShadowHost(t, 'dovecot-pop3');
    host.logins('a.jp', { joe: { password: 'secret' }, ann: { password: 'hers', isClear: false } });
    const master =
      'auth_master_user_separator = *\npassdb {\n  driver = static\n  args = password=over\n  master = yes\n}\n';
    const imap = await startDovecot(t, { ...host.account, password: 'another' }, 'imap', master);
    const { ports } = await host.serve();
    const both = { imap: [imap, ports.imap ?? 0] } as const;
    const { exit, stdout } = await host.shadow(both, '--master', 'root:over');
    assert.deepEqual([exit, stdout.split('\n').length], [0, 3], stdout);
    assert.match(stdout, /^note: imap ann@a\.jp: login: old by the master user, new no password is known/m);
    const without = await host.shadow(both);
    assert.equal(without.exit, 1);
    assert.match(without.stdout, /^imap joe@a\.jp: login: old .*, new OK \(see the log of the one that refuses\)$/m);
  });

  it('says what is wrong with arguments, and that nothing was compared', async (t) => {
    const host = new ShadowHost(t, 'dovecot-pop3');
    const { ports } = await host.serve();
    const port = ports.imap ?? 0;
    for (const args of [
      [],
      ['--old', 'imap=127.0.0.1:1'],
      ['--old', 'imap', '--new', 'imap'],
      ['--old', 'imap=h:1', '--new', 'pop3=h:1'],
    ])
      assert.equal((await host.shadow({}, ...args)).exit, 100, args.join(' '));
    for (const args of [
      ['--account', 'joe'],
      ['--accounts', '/none'],
      ['--sample', 'x'],
    ])
      assert.equal((await host.shadow({ imap: [port, port] }, ...args)).exit, 100, args.join(' '));
    const refused = await host.shadow({ imap: [port, port] }, '--account', 'joe@a.jp:wrong');
    assert.deepEqual([refused.exit, refused.stdout.startsWith('note: imap joe@a.jp: login: ')], [111, true]);
    assert.match(refused.stderr, /imap: nothing was compared/);
    const absent = await host.shadow({ imap: [1, port] });
    assert.match(absent.stdout, /^imap joe@a\.jp: could not be compared: .*127\.0\.0\.1:1/m);
    assert.equal(absent.exit, 1);
  });

  it('tells options that are missing', async (t) => {
    if (!needs(t, 'dovecot') || !needsRoot(t)) return;
    const host = new ShadowHost(t, 'dovecot-basic');
    const [pop3, imap] = [await startDovecot(t, host.account), await startDovecot(t, host.account, 'imap')];
    const { ports } = await host.serve('--imap-namespace', 'INBOX.');
    const { exit, stdout } = await host.shadow({ pop3: [pop3, ports.pop3 ?? 0], imap: [imap, ports.imap ?? 0] });
    assert.equal(exit, 1);
    assert.match(
      stdout,
      /^pop3 joe@a\.jp: unique ids: old alone has .*download these again; .* serve --uidl dovecot\)$/m,
    );
    assert.match(
      stdout,
      /^imap joe@a\.jp: names of folders: old "A\.B", new "INBOX\.A\.B" \(.*--imap-namespace none\)$/m,
    );
    assert.match(stdout, /: 2 differences$/m);
  });
});
