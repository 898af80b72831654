// TLS in session workers: keys and directories that only root may look at, renewal under running sessions, broken renewals, a PROXY header before the handshake, sessions in processes of other uids.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import tls from 'node:tls';
import { makeSelfSigned } from '../../../src/stores/certificates/self-signed.js';
import { childrenOf, titleOf } from '../../support/child-processes.js';
import { needsRoot } from '../../support/needs.js';
import { type Entry, newRoot, removeRoot } from '../../support/recording.js';
import { SmtpClient } from '../../support/smtp-client.js';
import type { StartedServer } from '../../support/started-server.js';
import { giveToHoster, hosterDomain } from '../foreign-domain.js';
import { startSampleHost, TextClient, type Tree, until } from '../sample-server.js';

const listen = ['smtps', 'pop3s'].flatMap((name) => ['--listen', `${name}=127.0.0.1:0`]);
const servercert = '/var/qmail/control/servercert.pem';
const certs = '/var/qmail/control/vqmail/certs';

async function start(
  t: TestContext,
  change: (tree: Tree) => void,
  ...options: string[]
): Promise<{ server: StartedServer; disk: (hostPath: string) => string }> {
  const { server, root } = await startSampleHost(t, ['--workers', '2', ...listen, ...options], change);
  return { server, disk: (hostPath) => path.join(root, hostPath) };
}

const pemFor = (...names: string[]): Promise<string> => makeSelfSigned(names, 30, Date.now());
const rootOnly = (text: string): Entry => ({ type: 'file', mode: '0600', uid: 0, gid: 0, text });
const rootDirectory: Entry = { type: 'dir', mode: '0700', uid: 0, gid: 0 };

/** Puts a file that root alone may read in place by rename. */
function replace(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

async function connect(port: number | undefined, servername = ''): Promise<tls.TLSSocket> {
  const socket = tls.connect({ host: '127.0.0.1', port: port ?? 0, servername, rejectUnauthorized: false });
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  return socket;
}

/** The name in the certificate that a client is shown. */
async function shown(port: number | undefined, servername?: string): Promise<string> {
  const socket = await connect(port, servername);
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return String(CN);
}

/** A certificate as certbot leaves it: links to what lies in another directory, neither of which others may enter. */
function certbot(t: TestContext, pem: string): { options: string[]; renew(pem: string): void } {
  const root = newRoot('vqmail-certbot');
  t.after(() => removeRoot(root));
  const [archive, live] = [path.join(root, 'archive'), path.join(root, 'live')];
  for (const directory of [archive, live]) mkdirSync(directory);
  chmodSync(root, 0o700);
  let version = 0;
  const renew = (next: string): void => {
    const at = next.indexOf('-----BEGIN CERTIFICATE');
    version++;
    for (const [name, text] of [
      ['privkey', next.slice(0, at)],
      ['fullchain', next.slice(at)],
    ] as const) {
      writeFileSync(path.join(archive, `${name}${version}.pem`), text, { mode: 0o600 });
      symlinkSync(`../archive/${name}${version}.pem`, path.join(live, `${name}.new`));
      renameSync(path.join(live, `${name}.new`), path.join(live, `${name}.pem`));
    }
  };
  renew(pem);
  return { options: ['--tls-certificate', `${live}/fullchain.pem:${live}/privkey.pem`], renew };
}

test('keys that only root may read: files of mode 0600, directories of mode 0700, links of certbot', async (t) => {
  if (!needsRoot(t)) return;
  const { options, renew } = certbot(t, await pemFor('two.example'));
  const [own, shop] = [await pemFor('mail.example.gr.jp'), await pemFor('shop.example')];
  const { server } = await start(
    t,
    (tree) => {
      tree[servercert] = rootOnly(own);
      for (const directory of [path.dirname(certs), certs]) tree[directory] = rootDirectory;
      tree[`${certs}/shop.example.pem`] = rootOnly(shop);
    },
    ...options,
  );
  const rows: [servername: string | undefined, name: string][] = [
    [undefined, 'mail.example.gr.jp'],
    ['shop.example', 'shop.example'],
    ['two.example', 'two.example'],
  ];
  for (const [servername, name] of rows) {
    // Twice, so that both workers are asked.
    for (const port of [server.ports.pop3s, server.ports.pop3s, server.ports.smtps, server.ports.smtps])
      assert.equal(await shown(port, servername), name);
  }
  renew(await pemFor('two.example', 'two-renewed.example'));
  assert.equal(await shown(server.ports.pop3s, 'two-renewed.example'), 'two.example');
  assert.match(
    server.log(),
    /^tls: .*\/servercert\.pem: mail\.example\.gr\.jp, until \d{4}-\d\d-\d\d; serves everybody else too$/m,
  );
  assert.match(server.log(), /^tls: .*\/certs\/shop\.example\.pem: shop\.example, until /m);
  assert.match(server.log(), /^tls: .*\/fullchain\.pem: two\.example, until /m);
});

test('a renewed certificate is shown at once, sessions go on, and a broken one leaves the old one in force', async (t) => {
  if (!needsRoot(t)) return;
  const first = await pemFor('first.example');
  const { server, disk } = await start(t, (tree) => {
    tree[servercert] = rootOnly(first);
  });
  const port = server.ports.pop3s;
  const running = await connect(port);
  const lines = new TextClient(running);
  assert.match(await lines.line(), /^\+OK /);
  replace(disk(servercert), await pemFor('second.example'));
  for (let n = 0; n < 4; n++) assert.equal(await shown(port), 'second.example');
  for (const broken of ['nothing\n', (await pemFor('third.example')).slice(0, 700), first.slice(0, 1800)]) {
    replace(disk(servercert), broken);
    for (let n = 0; n < 2; n++) assert.equal(await shown(port), 'second.example');
  }
  server.process.kill('SIGHUP');
  await until(() => /^warning: tls: .*servercert\.pem: .*; the old certificate stays in force$/m.test(server.log()));
  assert.equal(await lines.ask('CAPA'), '+OK ', 'the session of before');
  replace(disk(servercert), await pemFor('fourth.example'));
  assert.equal(await shown(port), 'fourth.example');
  lines.destroy();
});

test('a worker that takes the place of another one has the certificates too', async (t) => {
  if (!needsRoot(t)) return;
  const pem = await pemFor('mail.example.gr.jp');
  const { server } = await start(t, (tree) => {
    tree[servercert] = rootOnly(pem);
  });
  await connect(server.ports.pop3s).then((socket) => socket.destroy());
  const workers = childrenOf(server.process.pid).filter((child) => titleOf(child).startsWith('vqmail: session'));
  for (const worker of workers) process.kill(worker, 'SIGKILL');
  await until(() => (server.log().match(/session worker \d+ ended/g) ?? []).length === 2);
  for (let n = 0; n < 4; n++) assert.equal(await shown(server.ports.pop3s), 'mail.example.gr.jp');
});

test('a session is resumed at any worker, also under a renewed certificate', async (t) => {
  if (!needsRoot(t)) return;
  const pem = await pemFor('mail.example.gr.jp');
  const { server, disk } = await start(t, (tree) => {
    tree[servercert] = rootOnly(pem);
  });
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const options = { host: '127.0.0.1', port: server.ports.pop3s ?? 0, rejectUnauthorized: false, maxVersion };
    const first = tls.connect(options);
    const [session] = (await once(first, 'session')) as [Buffer];
    const open: tls.TLSSocket[] = [first];
    // Each open session sends the next one to the worker that has fewer.
    for (let n = 0; n < 4; n++) {
      if (n === 2) replace(disk(servercert), await pemFor('mail.example.gr.jp'));
      const next = tls.connect({ ...options, session });
      await once(next, 'secureConnect');
      assert.ok(next.isSessionReused(), `${maxVersion} ${n}`);
      open.push(next);
    }
    for (const socket of open) socket.destroy();
  }
});

test('what a proxy says stands before the handshake, and the session is that of its client', async (t) => {
  if (!needsRoot(t)) return;
  const pem = await pemFor('mail.example.gr.jp');
  const { server } = await start(
    t,
    (tree) => {
      tree[servercert] = rootOnly(pem);
    },
    '--proxy-from',
    '127.0.0.1',
  );
  const client = await SmtpClient.connect(server.ports.smtps ?? 0);
  client.send('PROXY TCP4 127.0.0.77 198.51.100.1 4000 465\r\n');
  await client.secure();
  assert.match((await client.reply()) ?? '', /^220 /);
  await client.command('QUIT');
  await until(() => /^smtps: connection from 127\.0\.0\.77 via 127\.0\.0\.1$/m.test(server.log()));
});

test('POP3 in TLS for the domain of another uid', async (t) => {
  if (!needsRoot(t)) return;
  const pem = await pemFor('mail.example.gr.jp');
  const { server } = await start(t, (tree) => {
    giveToHoster(tree);
    tree[servercert] = rootOnly(pem);
  });
  const plain = net.connect(server.ports.pop3 ?? 0, '127.0.0.1');
  const before = new TextClient(plain);
  assert.match(await before.line(), /^\+OK /);
  assert.equal(await before.ask('STLS'), '+OK Begin TLS negotiation');
  plain.removeAllListeners('data');
  const secured = tls.connect({ socket: plain, rejectUnauthorized: false });
  const upgraded = new TextClient(secured);
  const implicit = new TextClient(await connect(server.ports.pop3s));
  assert.match(await implicit.line(), /^\+OK /);
  for (const client of [upgraded, implicit]) {
    assert.equal(await client.ask(`USER mina@${hosterDomain}`), '+OK ');
    assert.equal(await client.ask('PASS password'), '+OK ');
    assert.match(await client.ask('STAT'), /^\+OK \d+ \d+$/);
    assert.equal(await client.ask('QUIT'), '+OK ');
    await client.ended;
  }
});

test('SIGTERM: a secured session in the middle of a message ends it, and the daemon ends', async (t) => {
  if (!needsRoot(t)) return;
  const pem = await pemFor('mail.example.gr.jp');
  const { server } = await start(t, (tree) => {
    tree[servercert] = rootOnly(pem);
  });
  const client = await SmtpClient.connect(server.ports.smtp ?? 0);
  await client.reply();
  await client.command('EHLO x');
  assert.equal(await client.command('STARTTLS'), '220 ready for tls');
  await client.secure();
  for (const line of ['EHLO x', 'MAIL FROM:<a@b.example>', 'RCPT TO:<test@mailtest.example.jp>', 'DATA'])
    assert.match((await client.command(line)) ?? '', /^(250|354)/);
  const ended = server.stop('SIGTERM');
  await until(() => server.log().includes('SIGTERM'));
  assert.match((await client.command('Subject: late\r\n\r\nin time\r\n.')) ?? '', /^250 ok /);
  assert.equal(await ended, 0);
});
