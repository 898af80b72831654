// Postfix as it was beside our server: what both answer to recipients and to logins.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { makeAuthority } from '../../support/certificates.js';
import { needs } from '../../support/needs.js';
import { startPostfix } from '../../support/postfix.js';
import { ShadowHost } from './shadow-host.js';

interface Known {
  readonly domains: readonly string[];
  readonly addresses: readonly string[];
  /** Who may relay. */
  readonly networks: string;
}

/** A Postfix that knows these. @returns its port */
async function postfixWith(t: TestContext, { domains, addresses, networks }: Known): Promise<number> {
  const postfix = await startPostfix(
    [
      `virtual_mailbox_domains = ${domains.join(' ')}`,
      `virtual_mailbox_maps = inline:{${addresses.map((address) => `${address}=1`).join(', ')}}`,
      'virtual_transport = discard:',
      `mynetworks = ${networks}`,
    ],
    [],
  );
  t.after(() => postfix.stop());
  return postfix.port;
}

describe('migrate shadow of SMTP', () => {
  it('beside Postfix nothing differs', async (t) => {
    if (!needs(t, 'postfix')) return;
    const host = new ShadowHost(t, 'dovecot-pop3');
    const addresses = ['joe@a.jp', 'sales@a.jp', 'joe@b.jp', 'sales@b.jp'];
    const smtp = await postfixWith(t, { domains: ['a.jp', 'b.jp'], addresses, networks: '' });
    const { ports } = await host.serve();
    const { exit, stdout } = await host.shadow({ smtp: [smtp, ports.smtp ?? 0] });
    assert.match(
      stdout,
      /^note: smtp joe@relay-test\.invalid: RCPT of another host: old 454 .*, new 553 .*\(both refuse\)$/m,
    );
    assert.match(stdout, /^smtp: 11 recipients: nothing differs that a client would notice$/m);
    assert.equal(exit, 0);
  });

  it('tells who is not known, what the old server takes to bounce it, and what relays', async (t) => {
    if (!needs(t, 'postfix')) return;
    const host = new ShadowHost(t, 'dovecot-pop3');
    host.domain('c.jp', { accounts: { eve: 0 }, unknown: '/home/vpopmail/domains/c.jp/eve' });
    host.domain('d.jp', { accounts: { old: 0 } });
    const addresses = ['joe@a.jp', 'joe@b.jp', 'sales@b.jp', 'eve@c.jp', '@d.jp'];
    const domains = ['a.jp', 'b.jp', 'c.jp', 'd.jp'];
    const smtp = await postfixWith(t, { domains, addresses, networks: '127.0.0.0/8' });
    const { ports } = await host.serve();
    const { exit, stdout } = await host.shadow({ smtp: [smtp, ports.smtp ?? 0] });
    for (const line of [
      /^smtp sales@a\.jp: RCPT of an alias: old 550 .*, new 250 .*\(the old server does not know it: its maps\)$/m,
      /^smtp nobody-\w+@c\.jp: RCPT of a name that the catch-all takes: old 550 .*, new 250 /m,
      /^note: smtp nobody-\w+@d\.jp: RCPT of a name that nobody has: old 250 .*, new 550 .*\(vqmail refuses at once what the old server takes and bounces\)$/m,
      /^smtp joe@relay-test\.invalid: RCPT of another host: old 250 .*, new 553 .*\(the old server relays for this address: /m,
      /: 3 differences$/m,
    ])
      assert.match(stdout, line);
    assert.equal(exit, 1);
  });

  it('asks for a sample of each domain, from the address that is given, by smtps and STARTTLS too', async (t) => {
    if (!needs(t, 'openssl')) return;
    const host = new ShadowHost(t, 'dovecot-pop3');
    host.logins('a.jp', { joe: { password: 'secret' }, ann: { password: 'hers' }, kim: { password: 'his' } });
    const pem = path.join(host.root, 'smtp.pem');
    writeFileSync(pem, makeAuthority(host.root).issue('mail.a.jp'), { mode: 0o600 });
    const { ports } = await host.serve('--tls-certificate', pem, '--listen', 'smtps=127.0.0.1:0');
    const pair = (name: string): [number, number] => [ports[name] ?? 0, ports[name] ?? 0];
    const counted = async (...options: string[]): Promise<number> => {
      const { exit, stdout } = await host.shadow({ smtp: pair('smtp') }, ...options);
      assert.equal(exit, 0, stdout);
      return Number(/^smtp: (\d+) recipients: nothing differs/m.exec(stdout)?.[1]);
    };
    assert.ok((await counted('--sample', '1')) < (await counted()));
    const secure = { smtps: pair('smtps'), 'submission,starttls': pair('submission'), 'smtp,starttls': pair('smtp') };
    const { exit, stdout, stderr } = await host.shadow(secure, '--sample', '2', '--from', '127.0.0.9');
    assert.match(
      stdout,
      /^smtps: 2 accounts; submission: 2 accounts; smtp: \d+ recipients: nothing differs that a client would notice$/m,
    );
    assert.deepEqual([exit, stderr], [0, '']);
    const absent = await host.shadow({ smtp: pair('smtp') }, '--from', '192.0.2.1');
    assert.match(absent.stdout, /could not be compared: /);
    assert.equal(absent.exit, 1);
  });

  it('tells a login to send that is refused, and one that may send less', async (t) => {
    const [old, ours] = [new ShadowHost(t, 'dovecot-pop3'), new ShadowHost(t, 'dovecot-pop3')];
    for (const host of [old, ours]) {
      const flags = host === ours ? 0x800 : 0;
      host.logins('a.jp', { joe: { password: 'secret' }, ann: { password: 'hers', flags } });
    }
    const before = await old.serve();
    const now = await ours.serve();
    const ports = { submission: [before.ports.submission ?? 0, now.ports.submission ?? 0] } as const;
    const { exit, stdout } = await ours.shadow(ports);
    assert.match(stdout, /^submission ann@a\.jp: login: old 235 .*, new 5\d\d .*$/m);
    assert.match(stdout, /^submission: 1 accounts: 1 differences$/m);
    assert.equal(exit, 1);
    const list = await ours.shadow(ports, '--account', 'joe@a.jp:secret');
    assert.deepEqual(
      [list.exit, list.stdout],
      [0, 'submission: 1 accounts: nothing differs that a client would notice\n'],
    );
  });
});
