// MTA-STS: which policy counts when, and what it does to a delivery.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { namesHost, StsPolicies, type StsPolicy, type StsSource } from '../../../src/delivery/remote/tls/mta-sts.js';
import { mailauthPolicies } from '../../../src/delivery/remote/tls/mta-sts-source.js';
import { silentLog } from '../../../src/log.js';
import { makeAuthority } from '../../support/certificates.js';
import { newRoot, removeRoot } from '../../support/recording.js';
import { remoteHost } from '../../support/remote-host.js';
import { startSink } from '../../support/smtp-sink.js';

const enforce: StsPolicy = { mode: 'enforce', mx: ['mx.example.jp', '*.mail.example.jp'], maxAgeSeconds: 3600 };
const minutes = 60_000;

/** A source that a test turns. `undefined` for a policy: it cannot be fetched. */
function turning(): {
  source: StsSource;
  id: string | undefined | Error;
  policy: StsPolicy | undefined;
  fetched: number;
} {
  const state = {
    id: undefined as string | undefined | Error,
    policy: undefined as StsPolicy | undefined,
    fetched: 0,
    source: {
      policyId: async () => {
        if (state.id instanceof Error) throw state.id;
        return state.id;
      },
      fetch: async () => {
        state.fetched++;
        if (state.policy === undefined) throw new Error('404');
        return state.policy;
      },
    },
  };
  return state;
}

test('which hosts a policy names', () => {
  for (const [host, named] of [
    ['mx.example.jp', true],
    ['MX.example.JP.', true],
    ['a.mail.example.jp', true],
    ['mail.example.jp', false],
    ['a.b.mail.example.jp', false],
    ['amail.example.jp', false],
    ['mx.example', false],
  ] as const)
    assert.equal(namesHost(enforce, host), named, host);
});

test('a policy counts until its age is over, whatever happens meanwhile', async () => {
  let now = 0;
  const state = turning();
  const policies = new StsPolicies(state.source, () => now);
  assert.equal(await policies.enforced('example.jp'), undefined, 'no record');
  state.id = 'one';
  state.policy = enforce;
  assert.equal(await policies.enforced('example.jp'), undefined, 'not looked at again so soon');
  now += 10 * minutes;
  assert.equal(await policies.enforced('Example.jp.'), enforce);
  assert.equal(await policies.enforced('example.jp'), enforce);
  assert.equal(state.fetched, 1);
  state.id = new Error('SERVFAIL');
  now += 10 * minutes;
  assert.equal(await policies.enforced('example.jp'), enforce, 'the record cannot be asked for');
  state.id = undefined;
  now += 10 * minutes;
  assert.equal(await policies.enforced('example.jp'), enforce, 'the record is gone');
  state.id = 'two';
  state.policy = undefined;
  now += 10 * minutes;
  assert.equal(await policies.enforced('example.jp'), enforce, 'the new version cannot be fetched');
  now += 60 * minutes;
  assert.equal(await policies.enforced('example.jp'), undefined, 'its age is over');
  state.policy = { ...enforce, mode: 'testing' };
  now += 10 * minutes;
  assert.equal(await policies.enforced('example.jp'), undefined, 'only a test');
});

test('a policy that stays is fetched again before it runs out, and none without pause', async () => {
  let now = 0;
  const state = turning();
  state.id = 'one';
  state.policy = enforce;
  const policies = new StsPolicies(state.source, () => now);
  for (let minute = 0; minute < 120; minute++, now += minutes)
    assert.equal(await policies.enforced('example.jp'), enforce, `minute ${minute}`);
  assert.equal(state.fetched, 4);
  state.policy = { ...enforce, maxAgeSeconds: 1 };
  state.id = 'two';
  for (let second = 0; second < 1800; second++, now += 1000) await policies.enforced('example.jp');
  assert.ok(state.fetched <= 4 + 30, `${state.fetched} times`);
});

test('messages at the same time ask once', async () => {
  const state = turning();
  state.id = 'one';
  state.policy = enforce;
  const policies = new StsPolicies(state.source);
  const all = await Promise.all(Array.from({ length: 5 }, () => policies.enforced('example.jp')));
  assert.deepEqual(all, Array(5).fill(enforce));
  assert.equal(state.fetched, 1);
});

const folder = newRoot('vqmail-sts');
after(() => removeRoot(folder));

test('deliveries under a policy', async () => {
  const authority = makeAuthority(folder);
  const good = await startSink({
    pem: authority.issue('mx.example.jp'),
    replies: { EHLO: '250-x\r\n250-8BITMIME\r\n250 STARTTLS\r\n' },
  });
  const policy = (mx: string): StsPolicies =>
    new StsPolicies({ policyId: async () => 'one', fetch: async () => ({ ...enforce, mx: [mx] }) });
  const attempt = async (mx: string, authorities: string): Promise<string> => {
    const host = remoteHost(
      {},
      {
        smtpPort: good.port,
        isOwnAddress: () => false,
        stsPolicies: policy(mx),
        authorities,
        names: {
          exchangers: async () => ({ kind: 'found', value: [{ host: 'mx.example.jp', preference: 1 }] }),
          addresses: async () => ({ kind: 'found', value: ['127.0.0.1'] }),
        },
      },
    );
    const [report] = await host.send({ recipients: ['r@example.jp'] });
    host.remove();
    return `${report?.outcome}: ${report?.text}`;
  };
  assert.match(await attempt('mx.example.jp', authority.pem), /^success/);
  assert.equal(
    await attempt('other.example.jp', authority.pem),
    'deferral: Sorry, no mail exchanger of example.jp is one of its MTA-STS policy. (#4.7.5)\n',
  );
  const other = makeAuthority(folder, 'other authority').pem;
  assert.match(
    await attempt('mx.example.jp', other),
    /^deferral: Connected to 127\.0\.0\.1 but TLS, which the MTA-STS policy of example\.jp requires, was not achieved/,
  );
  assert.equal(good.messages().length, 1);
  await good.stop();
});

test('without a name server there is no policy', async () => {
  const policies = new StsPolicies(mailauthPolicies(silentLog, { servers: ['127.0.0.1:1'] }));
  assert.equal(await policies.enforced('example.jp'), undefined);
});
