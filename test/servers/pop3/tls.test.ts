// POP3 over TLS: STLS in the middle of a session (RFC 2595 4) and the handshake first (pop3s).

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import tls from 'node:tls';
import { type Pop3Host, pop3Host, testPassword, testUser } from '../../support/pop3-host.js';
import { oneCertificate } from '../../support/server-tls.js';

/** A client that sends text and gives what has come. */
class Raw {
  #socket: net.Socket;
  #text = '';
  constructor(socket: net.Socket) {
    this.#socket = socket;
    this.#listen();
  }
  static async open(t: TestContext, port: number): Promise<Raw> {
    const socket = net.connect(port, '127.0.0.1');
    t.after(() => socket.destroy());
    await once(socket, 'connect');
    return new Raw(socket);
  }
  #listen(): void {
    this.#socket
      .on('error', () => {})
      .on('data', (chunk) => {
        this.#text += chunk.toString('latin1');
      });
  }
  send(text: string): void {
    this.#socket.write(text, 'latin1');
  }
  async line(): Promise<string> {
    while (!this.#text.includes('\r\n')) {
      if (this.#socket.destroyed) throw new Error(`closed: ${this.#text}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const end = this.#text.indexOf('\r\n');
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 2);
    return line;
  }
  async ask(command: string): Promise<string> {
    this.send(`${command}\r\n`);
    return this.line();
  }
  async lines(): Promise<string[]> {
    const lines: string[] = [];
    for (let line = await this.line(); line !== '.'; line = await this.line()) lines.push(line);
    return lines;
  }
  async secure(options: tls.ConnectionOptions = {}): Promise<tls.TLSSocket> {
    this.#socket.removeAllListeners('data');
    const secured = tls.connect({ socket: this.#socket, rejectUnauthorized: false, ...options });
    this.#socket = secured;
    this.#text = '';
    this.#listen();
    await once(secured, 'secureConnect');
    return secured;
  }
}

test('STLS: offered once, the state begins anew, and what was sent in clear behind it counts for nothing', async (t) => {
  const host = await pop3Host(t, { tls: await oneCertificate() });
  const client = await Raw.open(t, host.port);
  await client.line();
  assert.equal(await client.ask('CAPA'), '+OK ');
  assert.ok((await client.lines()).includes('STLS'));
  assert.equal(await client.ask(`USER ${testUser}`), '+OK ');
  client.send(`STLS\r\nPASS ${testPassword}\r\nQUIT\r\n`);
  assert.equal(await client.line(), '+OK Begin TLS negotiation');
  const secured = await client.secure();
  assert.match(secured.getProtocol() ?? '', /^TLSv1\.[23]$/);
  assert.equal(await client.ask(`PASS ${testPassword}`), '-ERR USER first');
  assert.equal(await client.ask('CAPA'), '+OK ');
  assert.ok(!(await client.lines()).includes('STLS'));
  assert.equal(await client.ask('STLS'), '-ERR TLS is active already');
  assert.equal(await client.ask(`USER ${testUser}`), '+OK ');
  assert.equal(await client.ask(`PASS ${testPassword}`), '+OK ');
  assert.match(await client.ask('STAT'), /^\+OK \d+ \d+$/);
  assert.equal(await client.ask('STLS'), '-ERR unimplemented');
  assert.equal(await client.ask('QUIT'), '+OK ');
});

test('commands that came in clear behind STLS are not obeyed (CVE-2011-0411)', async (t) => {
  const host = await pop3Host(t, { tls: await oneCertificate() });
  const client = await Raw.open(t, host.port);
  await client.line();
  client.send(`STLS\r\nUSER ${testUser}\r\nPASS ${testPassword}\r\nDELE 1\r\nQUIT\r\n`);
  assert.equal(await client.line(), '+OK Begin TLS negotiation');
  await client.secure();
  assert.equal(await client.ask('NOOP'), '+OK ', 'the first answer is to the first command');
  assert.equal(await client.ask(`PASS ${testPassword}`), '-ERR USER first');
});

test('without a certificate STLS is not known', async (t) => {
  const host = await pop3Host(t);
  const client = await Raw.open(t, host.port);
  await client.line();
  assert.equal(await client.ask('STLS'), '-ERR unimplemented');
  assert.equal(await client.ask('CAPA'), '+OK ');
  assert.ok(!(await client.lines()).includes('STLS'));
});

test('a client that speaks no TLS after STLS is cut off, and the server goes on', async (t) => {
  const host = await pop3Host(t, { tls: await oneCertificate() });
  const client = await Raw.open(t, host.port);
  await client.line();
  assert.equal(await client.ask('STLS'), '+OK Begin TLS negotiation');
  client.send('CAPA\r\nCAPA\r\n');
  await assert.rejects(client.line(), /^Error: closed/);
  assert.deepEqual(host.log, ['pop3: 127.0.0.1: STLS: TLS: wrong version number'], 'not as a defect');
  await host.loggedIn();
});

async function servePop3s(t: TestContext, host: Pop3Host): Promise<number> {
  const listener = net.createServer({ pauseOnConnect: true }, (socket) => host.server.handle(socket, 'pop3s'));
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  t.after(() => listener.close());
  return (listener.address() as net.AddressInfo).port;
}

test('pop3s: the handshake comes first, and logins are logged under that name', async (t) => {
  const host = await pop3Host(t, { tls: await oneCertificate(), login: { logSuccess: true } });
  const port = await servePop3s(t, host);
  const socket = net.connect({ port, host: '127.0.0.1', localAddress: '127.0.0.9' });
  const secured = tls.connect({ socket, rejectUnauthorized: false });
  t.after(() => secured.destroy());
  await once(secured, 'secureConnect');
  const client = new Raw(secured);
  assert.match(await client.line(), /^\+OK </);
  assert.equal(await client.ask(`USER ${testUser}`), '+OK ');
  assert.equal(await client.ask(`PASS ${testPassword}`), '+OK ');
  assert.deepEqual(host.log, [`vchkpw-pop3s: (PLAIN) login success ${testUser}:127.0.0.9`]);
});

test('old versions are refused unless they are asked for', async (t) => {
  for (const isForOldClients of [false, true]) {
    const host = await pop3Host(t, { tls: await oneCertificate(isForOldClients) });
    const port = await servePop3s(t, host);
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
    const secured = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...old });
    t.after(() => secured.destroy());
    const happened = await once(secured, 'secureConnect').then(
      () => 'secure',
      () => 'refused',
    );
    assert.equal(happened, isForOldClients ? 'secure' : 'refused');
  }
});
