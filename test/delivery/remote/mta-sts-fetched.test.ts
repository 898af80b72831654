// MTA-STS from end to end: records of a name server and policies of an HTTPS server of the test's own, read by mailauth, in deliveries to an SMTP server with STARTTLS.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { StsPolicies, type StsSource } from '../../../src/delivery/remote/tls/mta-sts.js';
import { mailauthPolicies } from '../../../src/delivery/remote/tls/mta-sts-source.js';
import { lineLog } from '../../../src/log.js';
import { type Authority, makeAuthority } from '../../support/certificates.js';
import { type NameServer, startNameServer, type Zone } from '../../support/dns-server.js';
import { newRoot, removeRoot } from '../../support/recording.js';
import { remoteHost } from '../../support/remote-host.js';
import { type Sink, startSink } from '../../support/smtp-sink.js';

const folder = newRoot('vqmail-sts');
const policyText = (mode: string, mx: string, age = '86400'): string =>
  `version: STSv1\r\nmode: ${mode}\r\nmx: ${mx}\r\nmax_age: ${age}\r\n`;
const enforced = policyText('enforce', 'mx.example.jp');

/** What the policy host says, and how often it was asked. */
const host = { answer: (_request: IncomingMessage, response: ServerResponse): void => void response.end(), asked: 0 };
const zone: Record<string, Zone[string]> = {};
let authority: Authority;
let other: Authority;
let mxPem: string;
let policyServer: https.Server;
let names: NameServer;
let log = '';

before(async () => {
  authority = makeAuthority(folder);
  other = makeAuthority(folder, 'other authority');
  mxPem = authority.issue('mx.example.jp');
  const pem = authority.issue('mta-sts.example.jp');
  policyServer = https.createServer({ key: pem, cert: pem }, (request, response) => {
    host.asked++;
    host.answer(request, response);
  });
  await once(policyServer.listen(0, '127.0.0.1'), 'listening');
  names = await startNameServer(zone);
});
after(async () => {
  policyServer.close();
  policyServer.closeAllConnections();
  await names.stop();
  removeRoot(folder);
});

/** A domain with a policy, and what a row changes of it. */
function publish(policy: string | undefined, changes: Zone = {}): void {
  for (const name of Object.keys(zone)) delete zone[name];
  Object.assign(zone, {
    'example.jp': { MX: [[10, 'mx.example.jp']] },
    'mx.example.jp': { A: ['127.0.0.1'] },
    '_mta-sts.example.jp': { TXT: ['v=STSv1; id=20261124;'] },
    'mta-sts.example.jp': { A: ['127.0.0.1'] },
    ...changes,
  });
  host.asked = 0;
  host.answer = ({ url }, response) => {
    const isThere = policy !== undefined && url === '/.well-known/mta-sts.txt';
    response.writeHead(isThere ? 200 : 404, { 'Content-Type': 'text/plain' }).end(policy);
  };
}

function source(authorities = authority.pem): StsSource {
  const { port } = policyServer.address() as AddressInfo;
  const keep = lineLog((line) => {
    log += line;
  });
  return mailauthPolicies(keep, { servers: [names.address], port, authorities });
}

const rows: readonly {
  readonly why: string;
  readonly policy?: string;
  readonly changes?: Zone;
  readonly answer?: typeof host.answer;
  readonly authorities?: () => string;
  /** The hosts that are enforced. */
  readonly is: readonly string[] | undefined;
}[] = [
  { why: 'a policy in force', policy: enforced, is: ['mx.example.jp'] },
  {
    why: 'several hosts',
    policy: policyText('enforce', 'mx.example.jp\r\nmx: *.Example.JP'),
    is: ['mx.example.jp', '*.example.jp'],
  },
  { why: 'lines that end in LF alone', policy: enforced.replaceAll('\r', ''), is: ['mx.example.jp'] },
  { why: 'only a test', policy: policyText('testing', 'mx.example.jp'), is: undefined },
  { why: 'none any more', policy: policyText('none', 'mx.example.jp'), is: undefined },
  { why: 'no record', policy: enforced, changes: { '_mta-sts.example.jp': {} }, is: undefined },
  {
    why: 'other TXT records beside it',
    policy: enforced,
    changes: { '_mta-sts.example.jp': { TXT: ['x=1', 'v=STSv1;id=2'] } },
    is: ['mx.example.jp'],
  },
  {
    why: 'two records',
    policy: enforced,
    changes: { '_mta-sts.example.jp': { TXT: ['v=STSv1; id=1', 'v=STSv1; id=2'] } },
    is: undefined,
  },
  {
    why: 'a record elsewhere',
    policy: enforced,
    changes: { '_mta-sts.example.jp': { CNAME: 'sts.example' }, 'sts.example': { TXT: ['v=STSv1; id=1'] } },
    is: ['mx.example.jp'],
  },
  { why: 'the name server fails', policy: enforced, changes: { '_mta-sts.example.jp': 'SERVFAIL' }, is: undefined },
  { why: 'no policy host', policy: enforced, changes: { 'mta-sts.example.jp': {} }, is: undefined },
  {
    why: 'nobody listens at its first address',
    policy: enforced,
    changes: { 'mta-sts.example.jp': { A: ['127.0.0.99', '127.0.0.1'] } },
    is: ['mx.example.jp'],
  },
  { why: 'no policy there', is: undefined },
  { why: 'a certificate of strangers', policy: enforced, authorities: () => other.pem, is: undefined },
  { why: 'a policy without a host', policy: 'version: STSv1\nmode: enforce\nmax_age: 60\n', is: undefined },
  { why: 'a policy without an age', policy: 'version: STSv1\nmode: enforce\nmx: mx.example.jp\n', is: undefined },
  { why: 'an age beyond all measure', policy: policyText('enforce', 'mx.example.jp', '99999999'), is: undefined },
  { why: 'another version', policy: enforced.replace('STSv1', 'STSv2'), is: undefined },
  {
    why: 'a redirect is not followed',
    answer: (_request, response) =>
      void response.writeHead(302, { Location: 'https://mta-sts.example.jp/.well-known/mta-sts.txt' }).end(),
    is: undefined,
  },
  {
    why: 'no text',
    answer: (_request, response) => void response.writeHead(200, { 'Content-Type': 'text/html' }).end(enforced),
    is: undefined,
  },
  {
    why: 'more than anybody needs',
    answer: (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/plain' });
      const more = (): void => {
        if (!response.destroyed) response.write(`${enforced}${'x'.repeat(16384)}`, () => setImmediate(more));
      };
      more();
    },
    is: undefined,
  },
  {
    why: 'cut off in the middle',
    answer: (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': '500' });
      response.write(enforced, () => response.destroy());
    },
    is: undefined,
  },
];
for (const { why, policy, changes, answer, authorities, is } of rows) {
  test(`read: ${why}`, async () => {
    publish(policy, changes);
    if (answer !== undefined) host.answer = answer;
    const found = await new StsPolicies(source(authorities?.())).enforced('Example.JP');
    assert.deepEqual(found?.mx, is);
  });
}

/** Mail for example.jp by way of one MX host, whose certificate is for `mx.example.jp`. */
async function deliveries(
  work: (send: (authorities?: string) => Promise<string>, sink: Sink) => Promise<void>,
  sinkOffers = '250 STARTTLS',
): Promise<void> {
  const sink = await startSink({
    pem: mxPem,
    replies: { EHLO: `250-x\r\n250-8BITMIME\r\n${sinkOffers}\r\n` },
  });
  const stsPolicies = new StsPolicies(source());
  try {
    await work(async (authorities = authority.pem) => {
      const sender = remoteHost(
        {},
        { smtpPort: sink.port, isOwnAddress: () => false, stsPolicies, authorities, dns: names.address },
      );
      const [report] = await sender.send({ recipients: ['r@example.jp'] });
      sender.remove();
      return `${report?.outcome}: ${report?.text.replaceAll('\n', ' ')}`;
    }, sink);
  } finally {
    await sink.stop();
  }
}

const notAchieved =
  /^deferral: Connected to 127\.0\.0\.1 but TLS, which the MTA-STS policy of example\.jp requires, was not achieved/;

test('in force: TLS with a good certificate, or the mail waits; the policy is fetched once', async () => {
  publish(enforced);
  const before = names.asked.length;
  await deliveries(async (send, sink) => {
    for (let message = 0; message < 3; message++) assert.match(await send(), /^success/);
    assert.equal(host.asked, 1);
    assert.equal(names.asked.slice(before).filter((question) => question === 'TXT _mta-sts.example.jp').length, 1);
    assert.match(await send(other.pem), notAchieved);
    assert.equal(sink.messages().length, 3);
    assert.ok(sink.sessions.slice(0, 3).every(({ tls }) => tls !== undefined));
  });
});

test('in force, and the server offers no TLS: the mail waits, as a removed offer is what the policy is against', async () => {
  publish(enforced);
  await deliveries(async (send, sink) => {
    assert.match(await send(), notAchieved);
    assert.equal(sink.messages().length, 0);
  }, '250 HELP');
});

test('in force for other hosts: the mail waits; testing, or no policy: it goes', async () => {
  publish(policyText('enforce', 'other.example.jp'));
  await deliveries(async (send) => {
    assert.equal(
      await send(),
      'deferral: Sorry, no mail exchanger of example.jp is one of its MTA-STS policy. (#4.7.5) ',
    );
  });
  for (const policy of [policyText('testing', 'other.example.jp'), policyText('none', 'other.example.jp'), undefined]) {
    publish(policy);
    await deliveries(async (send, sink) => {
      assert.match(await send(other.pem), /^success/, 'any certificate will do');
      assert.ok(sink.sessions[0]?.tls !== undefined, 'with TLS, since that is offered');
    });
    await deliveries(async (send) => assert.match(await send(), /^success/), '250 HELP');
  }
  assert.equal(log, '', 'mailauth is there, and nothing is to be said');
});
