// STARTTLS (RFC 3207) and smtps: what is offered, what of the time before the handshake counts afterwards (nothing), what the message's trace says, and what becomes of handshakes that fail.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collectingDelivery } from '../../support/collecting-delivery.js';
import { until } from '../../support/front-end.js';
import { noCertificate, oneCertificate } from '../../support/server-tls.js';
import { SmtpClient } from '../../support/smtp-client.js';
import { type TestHost, testHost } from '../../support/smtp-host.js';

const mail = 'MAIL FROM:<noel@example.gr.jp>';
const recipient = 'RCPT TO:<test@mailtest.example.jp>';

async function keywords(client: SmtpClient, hello = 'EHLO'): Promise<string[]> {
  const reply = (await client.command(`${hello} client.example`)) ?? '';
  return reply.split('\r\n').map((line) => line.slice(4));
}

/** The log once it has a line like this. */
async function logged(host: TestHost, line: RegExp): Promise<void> {
  await until(
    () => line.test(host.log()),
    () => `no line ${line} in ${host.log()}`,
  );
}

test('STARTTLS is offered in clear where there is a certificate, and nowhere else', async (t) => {
  const rows = [
    { why: 'a certificate', tls: await oneCertificate(), offered: true, reply: '220 ready for tls' },
    { why: 'none yet', tls: noCertificate(), offered: false, reply: '454 TLS not available (#4.3.0)' },
    { why: 'no TLS at all', offered: false, reply: '502 unimplemented (#5.5.1)' },
  ];
  for (const { why, offered, reply, tls } of rows) {
    const host = await testHost(t, collectingDelivery(), tls === undefined ? {} : { tls });
    const client = await host.greeted();
    assert.equal((await keywords(client)).includes('STARTTLS'), offered, why);
    assert.equal(await client.command('STARTTLS'), reply, why);
  }
});

test('the session begins anew behind the handshake', async (t) => {
  const delivery = collectingDelivery();
  const host = await testHost(t, delivery, { tls: await oneCertificate() });
  const client = await host.greeted();
  assert.equal(await client.command('STARTTLS now'), '501 syntax error: STARTTLS has no parameters (#5.5.4)');
  await client.command('EHLO in-clear.example');
  assert.equal(await client.command(mail), '250 ok');
  assert.equal(await client.command(recipient), '250 ok');
  assert.equal(await client.command('STARTTLS'), '220 ready for tls');
  await client.secure();
  assert.equal(await client.command(recipient), '503 MAIL first (#5.5.1)', 'the transaction is gone');
  assert.equal(await client.command('STARTTLS'), '502 unimplemented (#5.5.1)', 'once is enough');
  for (const line of [mail, recipient, 'DATA']) assert.match((await client.command(line)) ?? '', /^(250|354) /);
  assert.match((await client.command('Subject: x\r\n\r\nhello\r\n.')) ?? '', /^250 ok /);
  const [message] = delivery.messages;
  assert.match(message?.text ?? '', /^Received: from unknown \(127\.0\.0\.1\)$/m, 'the word of EHLO is forgotten');
  assert.match(message?.text ?? '', /^ {2}by \S+ with ESMTPS \(TLSv1\.3 TLS_AES_\w+ encrypted\); /m);
  assert.ok(!(await keywords(client)).includes('STARTTLS'));
});

test('what is sent in clear behind STARTTLS is never obeyed (CVE-2011-0411)', async (t) => {
  const delivery = collectingDelivery();
  const host = await testHost(t, delivery, { tls: await oneCertificate() });
  const rows = ['NOOP\r\n', `${mail}\r\n${recipient}\r\nDATA\r\n`, 'QUIT\r\n', `${'X'.repeat(100_000)}\r\n`, 'NOO'];
  for (const injected of rows) {
    const client = await host.greeted();
    client.send(`EHLO x\r\nSTARTTLS\r\n${injected}`);
    assert.match((await client.reply()) ?? '', /STARTTLS/);
    assert.equal(await client.reply(), '220 ready for tls');
    await client.secure().then(
      async () => {
        assert.equal(await client.command('NOOP'), '250 ok', 'the first reply is to the first command');
        assert.equal(await client.command(recipient), '503 MAIL first (#5.5.1)', 'no transaction is open');
      },
      (error: unknown) => {
        // What was still on its way when STARTTLS was answered breaks the handshake, as it must.
        assert.ok(injected.length > 60_000, `${injected.slice(0, 20)}: ${error}`);
      },
    );
    client.destroy();
  }
  assert.deepEqual(delivery.resolved, []);
});

test('handshakes that fail end the connection, and are a line in the log each', async (t) => {
  const host = await testHost(t, collectingDelivery(), { tls: await oneCertificate() });
  const rows: [what: string, act: (client: SmtpClient) => void, line: RegExp][] = [
    ['commands', (client) => client.send('EHLO x\r\nMAIL FROM:<>\r\n'), /wrong version number/],
    ['zeros', (client) => client.send(Buffer.alloc(1000)), /(wrong version number|unsupported protocol)/],
    ['half of a hello', (client) => sendAndLeave(client, '\x16\x03\x01\x02\x00\x01'), /the client went away/],
    ['nothing', (client) => client.reset(), /(the client went away|.*ECONNRESET)/],
  ];
  for (const [what, act, line] of rows) {
    const client = await host.greeted('127.0.0.7');
    await client.command('STARTTLS');
    act(client);
    await client.closed();
    await logged(host, new RegExp(`^smtp: 127\\.0\\.0\\.7: STARTTLS: TLS: ${line.source}`, 'm'));
    assert.doesNotMatch(host.log(), /^(alert|warning): /m, what);
  }
  await until(() => host.server.sessions === 0, host.log);
  const good = await host.greeted();
  await good.command('STARTTLS');
  await good.secure();
  assert.equal(await good.command('NOOP'), '250 ok');
});

function sendAndLeave(client: SmtpClient, text: string): void {
  client.send(text);
  client.halfClose();
}

test('of many handshakes that fail not each is told, on smtps neither', async (t) => {
  const host = await testHost(t, collectingDelivery(), { tls: await oneCertificate(), flavour: 'smtps' });
  const failed = /^smtps: 127\.0\.0\.1: TLS: /gm;
  for (let n = 0; n < 70; n++) {
    const client = await SmtpClient.connect(host.port);
    client.send('EHLO x\r\n');
    await client.closed();
    client.destroy();
  }
  await until(() => host.server.sessions === 0, host.log);
  assert.equal(host.log().match(failed)?.length, 60);
});

test('smtps: the handshake comes first, and nobody sends without having logged in', async (t) => {
  const host = await testHost(t, collectingDelivery(), { tls: await oneCertificate(), flavour: 'smtps' });
  const client = await SmtpClient.connectSecured(host.port);
  assert.match((await client.reply()) ?? '', /^220 .* ESMTP$/);
  assert.ok(!(await keywords(client)).includes('STARTTLS'));
  assert.match((await client.command(mail)) ?? '', /^530 /);
  const plain = await SmtpClient.connect(host.port);
  plain.send('EHLO x\r\n');
  assert.doesNotMatch(await plain.closed(), /^220 /);
  await logged(host, /^smtps: 127\.0\.0\.1: TLS: wrong version number$/m);
});

test('LMTP has STARTTLS too', async (t) => {
  const delivery = collectingDelivery();
  const host = await testHost(t, delivery, { tls: await oneCertificate(), flavour: 'lmtp' });
  const client = await host.greeted();
  assert.ok((await keywords(client, 'LHLO')).includes('STARTTLS'));
  await client.command('STARTTLS');
  await client.secure();
  await client.command('LHLO front.example');
  for (const line of [mail, recipient, 'DATA']) await client.command(line);
  assert.match((await client.command('x\r\n.')) ?? '', /^250 2\.0\.0 /);
  assert.match(delivery.messages[0]?.text ?? '', / with LMTPS \(TLSv1\.3 /);
});

test('a large message in small TLS records arrives whole, and pipelining goes on', async (t) => {
  const delivery = collectingDelivery();
  const host = await testHost(t, delivery, { tls: await oneCertificate() });
  const client = await host.greeted();
  await client.command('STARTTLS');
  await client.secure({ maxVersion: 'TLSv1.2' });
  const line = `${'0123456789'.repeat(7)}\r\n`;
  client.send(`EHLO x\r\n${mail}\r\n${recipient}\r\nDATA\r\n`);
  for (let n = 0; n < 2000; n++) client.send(line);
  client.send('.\r\nNOOP\r\nQUIT\r\n');
  for (const reply of [/^250-/, /^250 ok/, /^250 ok/, /^354 /, /^250 ok \d+ qp/, /^250 ok$/, /^221 /])
    assert.match((await client.reply()) ?? '', reply);
  assert.equal(delivery.messages[0]?.text.split('0123456789\n').length, 2001);
  assert.match(delivery.messages[0]?.text ?? '', /with ESMTPS \(TLSv1\.2 ECDHE-\S+ encrypted\)/);
});

test('a server that drains lets a secured session end its message, and waits for no handshake', async (t) => {
  const delivery = collectingDelivery();
  const host = await testHost(t, delivery, { tls: await oneCertificate(), limits: { drainMs: 20_000 } });
  const busy = await host.greeted();
  await busy.command('STARTTLS');
  await busy.secure();
  for (const line of [mail, recipient]) await busy.command(line);
  const half = await host.greeted();
  await half.command('STARTTLS');
  const drained = host.server.drain();
  await busy.command('DATA');
  assert.match((await busy.command('late\r\n.')) ?? '', /^250 ok /);
  assert.match((await busy.reply()) ?? '', /^421 /);
  half.destroy();
  await drained;
  assert.equal(delivery.messages.length, 1);
});

test('a client that begins a handshake and does not go on is cut off', async (t) => {
  for (const flavour of ['smtp', 'smtps'] as const) {
    const host = await testHost(t, collectingDelivery(), { tls: await oneCertificate(false, 100), flavour });
    const client = await SmtpClient.connect(host.port);
    if (flavour === 'smtp') {
      await client.reply();
      await client.command('STARTTLS');
    }
    client.send('\x16\x03\x01\x02\x00\x01');
    await client.closed();
    await logged(host, /TLS: the handshake took too long$/m);
    await until(() => host.server.sessions === 0, host.log);
  }
});
