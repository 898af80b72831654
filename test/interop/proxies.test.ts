// Real proxies in front of us: HAProxy with both versions of its header, and swaks with the header and with XCLIENT. Access rules, logins, the relay after POP, limits and log lines see the client.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import test from 'node:test';
import tls from 'node:tls';
import { makeSelfSigned } from '../../src/stores/certificates/self-signed.js';
import { startSampleHost, TextClient, until } from '../processes/sample-server.js';
import { startHaproxy } from '../support/haproxy.js';
import { needs } from '../support/needs.js';
import { run } from '../support/program.js';
import { applyWrite } from '../support/recording.js';
import { writeRules } from '../support/smtp-host.js';

test('HAProxy, header of version 1 and 2, with its health checks', async (t) => {
  if (!needs(t, 'haproxy')) return;
  const options = [
    '--workers',
    '1',
    '--proxy-from',
    '127.0.0.1',
    '--max-connections-per-address',
    '2',
    '--pop-before-smtp',
    'on',
  ];
  const { server, root } = await startSampleHost(t, [...options, '--unlimited', 'none', '--drain-seconds', '1']);
  writeRules(root, '127.0.0.6:deny\n127.0.0.7:allow,RELAYCLIENT=""\n:allow\n');
  const check = 'check check-send-proxy inter 200ms';
  const [smtp, pop3] = await startHaproxy(t, [
    { server: `127.0.0.1:${server.ports.smtp} send-proxy ${check}` },
    { server: `127.0.0.1:${server.ports.pop3} send-proxy-v2 ${check}` },
  ]);

  const relay = async (from: string): Promise<string> => {
    const client = await TextClient.open(smtp, from);
    for (const line of ['EHLO x', 'MAIL FROM:<s@x.example>']) await client.ask(line);
    const reply = await client.ask('RCPT TO:<joe@elsewhere.example>');
    client.destroy();
    return reply;
  };

  await t.test('rules go by the client', async () => {
    assert.match(await relay('127.0.0.5'), /^553 /);
    assert.doesNotMatch(await relay('127.0.0.7'), /^553 /);
    await assert.rejects(relay('127.0.0.6'), /connection closed/);
    assert.match(server.log(), /smtp: deny 127\.0\.0\.6 by rule/);
    assert.match(server.log(), /^smtp: connection from 127\.0\.0\.5 via 127\.0\.0\.1$/m);
    assert.doesNotMatch(server.log(), /connection from 127\.0\.0\.1$/m, 'health checks are no news');
  });

  await t.test('a POP3 login is logged with the client, which may relay then', async () => {
    for (const [password, answer] of [
      ['wrong', /^-ERR/],
      ['password', /^\+OK/],
    ] as const) {
      const client = await TextClient.open(pop3, '127.0.0.5');
      await client.ask('USER test@mailtest.example.jp');
      assert.match(await client.ask(`PASS ${password}`), answer);
      client.destroy();
    }
    assert.match(server.log(), /vchkpw-pop3: password fail test@mailtest\.example\.jp:127\.0\.0\.5\n/);
    assert.doesNotMatch(await relay('127.0.0.5'), /^553 /);
  });

  await t.test('the limit of connections for one address is the client\u2019s, not the proxy\u2019s', async () => {
    const open: TextClient[] = [];
    for (const from of ['127.0.0.8', '127.0.0.8', '127.0.0.9', '127.0.0.9', '127.0.0.10'])
      open.push(await TextClient.open(pop3, from));
    for (const client of open) assert.match(client.greeting, /^\+OK/);
    await assert.rejects(TextClient.open(pop3, '127.0.0.9'), /connection closed/);
    assert.match(server.log(), /pop3: refused 127\.0\.0\.9: too many connections from this address/);
    for (const client of open) client.destroy();
    await until(() => open.every((client) => client.ended !== undefined));
  });

  await t.test('who is no proxy names nobody', async () => {
    const client = await TextClient.open(server.ports.smtp, '127.0.0.20');
    assert.match(client.greeting, /^220 /);
    assert.match(await client.ask('PROXY TCP4 127.0.0.7 127.0.0.1 1 25'), /^502 /);
    client.destroy();
    assert.doesNotMatch(server.log(), /alert|defect/);
  });
});

test('swaks: the PROXY header of both versions, XCLIENT', async (t) => {
  if (!needs(t, 'swaks')) return;
  const trusted = ['--workers', '1', '--proxy-from', '127.0.0.11', '--xclient-from', '127.0.0.12'];
  const { server, root } = await startSampleHost(t, [...trusted, '--drain-seconds', '1']);
  writeRules(root, ':allow\n');
  const swaks = async (from: string, ...options: string[]): Promise<string> => {
    const where = ['--server', '127.0.0.1', '--port', String(server.ports.smtp), '--local-interface', from];
    const who = ['--from', 's@x.example', '--to', 'test@mailtest.example.jp', '--ehlo', 'swaks.example'];
    const { stdout, stderr } = await run(['swaks', ...where, ...who, ...options]);
    return stdout + stderr;
  };
  const proxy = ['--proxy-source', '192.0.2.9', '--proxy-source-port', '4711'];
  const target = ['--proxy-dest', '192.0.2.1', '--proxy-dest-port', '25'];
  const rows: readonly [string, string, string[], RegExp][] = [
    [
      'version 1',
      '127.0.0.11',
      [...proxy, ...target, '--proxy-version', '1', '--proxy-family', 'TCP4'],
      /client 192\.0\.2\.9 via 127\.0\.0\.11\n/,
    ],
    [
      'version 2',
      '127.0.0.11',
      [
        ...proxy,
        ...target,
        '--proxy-version',
        '2',
        '--proxy-family',
        'AF_INET',
        '--proxy-protocol',
        'STREAM',
        '--proxy-command',
        'PROXY',
      ],
      /client 192\.0\.2\.9 via 127\.0\.0\.11\n/,
    ],
    [
      'XCLIENT',
      '127.0.0.12',
      ['--xclient-addr', '192.0.2.10', '--xclient-name', 'spike.example'],
      /client 192\.0\.2\.10 via 127\.0\.0\.12\n/,
    ],
  ];
  for (const [way, from, options, line] of rows) {
    await t.test(way, async () => {
      const before = server.log().length;
      assert.match(await swaks(from, ...options), /<-\s+250 ok \d+ qp \d+/);
      assert.match(server.log().slice(before), line);
    });
  }
  await t.test('XCLIENT of somebody else is not offered', async () => {
    assert.match(
      await swaks('127.0.0.13', '--xclient-addr', '192.0.2.10'),
      /Host did not advertise XCLIENT|XCLIENT.*not.*advertis/i,
    );
  });
});

test('TLS at once behind a PROXY header, in one packet with it', async (t) => {
  const { server, root } = await startSampleHost(t, [
    ...['--workers', '1', '--proxy-from', '127.0.0.11', '--drain-seconds', '1'],
    ...['--listen', 'pop3s=127.0.0.1:0', '--listen', 'smtps=127.0.0.1:0'],
  ]);
  applyWrite({ '/var/qmail/control/servercert.pem': await makeSelfSigned(['mail.example.jp'], 30, Date.now()) }, root);
  writeRules(root, '192.0.2.66:deny\n:allow\n');
  // HAProxy looks whether we are alive.
  for (const protocol of ['pop3s', 'smtps']) {
    const check = net.connect({ host: '127.0.0.1', port: server.ports[protocol] ?? 0, localAddress: '127.0.0.11' });
    check.end('PROXY UNKNOWN\r\n');
    await once(check.resume(), 'close');
  }
  for (const [protocol, greeting, word] of [
    ['pop3s', /^\+OK/, 'QUIT'],
    ['smtps', /^220 /, 'QUIT'],
  ] as const) {
    const socket = net.connect({ host: '127.0.0.1', port: server.ports[protocol] ?? 0, localAddress: '127.0.0.11' });
    await once(socket, 'connect');
    socket.cork();
    socket.write('PROXY TCP4 192.0.2.9 192.0.2.1 4711 995\r\n');
    const secure = tls.connect({ socket, rejectUnauthorized: false });
    socket.uncork();
    const [first] = (await once(secure, 'data')) as [Buffer];
    assert.match(first.toString('latin1'), greeting);
    secure.end(`${word}\r\n`);
    await once(secure, 'close');
  }
  assert.match(server.log(), /^smtps: connection from 192\.0\.2\.9 via 127\.0\.0\.11$/m);
  assert.doesNotMatch(server.log(), /^(?:smtps|pop3s): 127\.0\.0\.11/m);
});
