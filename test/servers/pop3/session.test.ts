// Sessions beyond the recorded ones: sizes, commands sent ahead, APOP, troubles of ours, other readers, slow and silent clients.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { apop } from '../../../src/auth/secret.js';
import { LoginTickets } from '../../../src/auth/tickets.js';
import type { ElsewhereSession } from '../../../src/servers/pop3/server.js';
import { Pop3Client } from '../../support/pop3-client.js';
import { messageOf, type Pop3Host, pop3Host, testPassword, testUser } from '../../support/pop3-host.js';
import { applyWrite } from '../../support/recording.js';

const domainDirectory = '/home/vpopmail/domains/mailtest.example.jp';
const login = `USER ${testUser}\r\nPASS ${testPassword}\r\n`;

/** The numbers of a listing by message. */
function listing(reply: string): Map<number, string> {
  const lines = reply.split('\r\n').slice(1, -2);
  return new Map(lines.map((line) => [Number(line.split(' ')[0]), line.slice(line.indexOf(' ') + 1)]));
}

test('what is announced is what is sent: LIST, LIST n and STAT', async (t) => {
  const host = await pop3Host(t);
  host.put('new/9.dots', '.\n..\n.a\n');
  host.put('new/9.cut', 'no end');
  host.put('new/9.empty', '');
  host.put('new/9.cr', 'a\r\nb\rc\r\n\r\r\n');
  host.put('new/9.large', Buffer.alloc(400_000, 'line\n.\n'));
  const client = await host.loggedIn();
  const sizes = listing(await client.ask('LIST'));
  assert.equal(sizes.size, 10);
  let total = 0;
  for (const [number, size] of sizes) {
    const octets = messageOf(await client.ask(`RETR ${number}`)).length;
    assert.equal(Number(size), octets, `message ${number}`);
    assert.equal(await client.ask(`LIST ${number}`), `+OK ${number} ${size}\r\n`);
    total += octets;
  }
  assert.equal(await client.ask('STAT'), `+OK 10 ${total}\r\n`);
  await client.ask('DELE 1');
  assert.equal(await client.ask('STAT'), `+OK 10 ${total - Number(sizes.get(1))}\r\n`);
});

test('the second session finds the sizes known and the same', async (t) => {
  const host = await pop3Host(t);
  const first = await (await host.loggedIn()).ask('LIST');
  assert.equal(await (await host.loggedIn()).ask('LIST'), first);
});

test('everything in one packet, the client closing its side behind it', async (t) => {
  const host = await pop3Host(t);
  const client = await host.connect();
  client.send(`${login}NOOP\r\nRETR 2\r\nDELE 2\r\nLAST\r\nQUIT\r\n`);
  client.halfClose();
  const said = await client.closed();
  assert.match(
    said,
    /^\+OK <\d+\.\d+@mail\.example\.gr\.jp>\r\n\+OK \r\n\+OK \r\n\+OK \r\n\+OK \r\nSubject: no final newline\r\n\r\nbody without end\r\n\r\n\.\r\n\+OK \r\n\+OK 2\r\n\+OK \r\n$/,
  );
  assert.equal(host.names().length, 5, 'one removed, one hidden, three more');
});

test('byte by byte', async (t) => {
  const host = await pop3Host(t);
  const client = await host.connect();
  for (const byte of `${login}STAT\r\nQUIT\r\n`) client.send(byte);
  assert.match(await client.closed(), /^\+OK [^\n]*\n\+OK \r\n\+OK \r\n\+OK 5 \d+\r\n\+OK \r\n$/);
});

test('many commands ahead are all answered, in order', async (t) => {
  const host = await pop3Host(t);
  const client = await host.loggedIn();
  const count = 20_000;
  client.send(`${'LIST 2\r\nNOOP\r\n'.repeat(count)}QUIT\r\n`);
  const said = await client.closed();
  assert.equal(said, `${'+OK 2 49\r\n+OK \r\n'.repeat(count)}+OK \r\n`);
});

test('APOP with the timestamp of the banner; every banner is another', async (t) => {
  const host = await pop3Host(t);
  const seen = new Set<string>();
  for (let count = 0; count < 5; count++) {
    const client = await host.connect();
    const timestamp = /<.*>/.exec(await client.line())?.[0] ?? '';
    assert.match(timestamp, /^<\d+\.\d+@mail\.example\.gr\.jp>$/);
    seen.add(timestamp);
    const reply = await client.ask(`APOP ${testUser} ${apop(timestamp, testPassword)}`);
    assert.equal(reply, '+OK \r\n');
    assert.match(await client.ask('STAT'), /^\+OK 5 /);
  }
  assert.equal(seen.size, 5);
});

test('one attempt: after a wrong password the connection is closed, and what came behind it is not answered', async (t) => {
  const host = await pop3Host(t);
  const client = await host.connect('127.0.0.9');
  client.send(`USER ${testUser}\r\nPASS wrong\r\n${login}STAT\r\n`);
  assert.match(await client.closed(), /^\+OK [^\n]*\n\+OK \r\n-ERR authorization failed\r\n$/);
  assert.deepEqual(host.log, [`vchkpw-pop3: password fail ${testUser}:127.0.0.9`]);
});

test('good logins are logged by option', async (t) => {
  const host = await pop3Host(t, { login: { logSuccess: true } });
  const client = await host.connect('127.0.0.9');
  await client.logIn(testUser, testPassword);
  assert.deepEqual(host.log, [`vchkpw-pop3: (PLAIN) login success ${testUser}:127.0.0.9`]);
});

test('old files in tmp/ are removed at login, younger ones stay', async (t) => {
  const host = await pop3Host(t, { empty: true });
  const hours = (count: number): number => Date.now() / 1000 - count * 3600;
  for (const [name, age] of [
    ['old', 40],
    ['young', 30],
  ] as const) {
    const file = path.join(host.maildir(), 'tmp', name);
    writeFileSync(file, 'x');
    utimesSync(file, hours(age), hours(age));
  }
  await host.loggedIn();
  assert.deepEqual(
    ['old', 'young']
      .map((name) => readFileSync.bind(undefined, path.join(host.maildir(), 'tmp', name)))
      .map((read) => {
        try {
          return String(read());
        } catch {
          return 'gone';
        }
      }),
    ['gone', 'x'],
  );
});

test('a message that was delivered a moment ago is there', async (t) => {
  const host = await pop3Host(t, { empty: true });
  host.put('new/1.a', 'Subject: now\n\n', { mtime: Date.now() / 1000 });
  const client = await host.loggedIn();
  assert.match(await client.ask('STAT'), /^\+OK 1 /);
});

test('trouble of ours is temporary, says nothing of paths, and ends the session', async (t) => {
  const host = await pop3Host(t);
  rmSync(path.join(host.root, 'var/qmail/users/cdb'));
  const client = await host.connect();
  client.send(login);
  assert.match(await client.closed(), /\+OK \r\n-ERR \[SYS\/TEMP\] temporary trouble, try again later\r\n$/);
  assert.match(host.log.join('\n'), /^warning: pop3: 127\.0\.0\.1: .*users\/cdb is missing/);
});

test('a Maildir without new/ is temporary trouble, an account without Maildir is told so', async (t) => {
  const host = await pop3Host(t);
  rmSync(path.join(host.maildir(), 'new'), { recursive: true });
  const client = await host.connect();
  assert.match(await client.logIn(testUser, testPassword), /^-ERR \[SYS\/TEMP\]/);
  rmSync(host.maildir(), { recursive: true });
  const other = await host.connect();
  assert.equal(await other.logIn(testUser, testPassword), '-ERR this user has no $HOME/Maildir\r\n');
});

test('one message that cannot be read breaks only itself', async (t) => {
  const host = await pop3Host(t, { empty: true });
  host.put('new/1.a', 'one\n', { mtime: 1000 });
  host.put('new/2.b', 'two\n', { mtime: 2000 });
  const client = await host.loggedIn();
  const file = path.join(host.maildir(), 'new/1.a');
  rmSync(file);
  symlinkSync('1.a', file);
  assert.equal(await client.ask('LIST'), '+OK \r\n1 6\r\n2 7\r\n.\r\n');
  assert.match(await client.ask('RETR 1'), /^-ERR /);
  assert.equal(messageOf(await client.ask('RETR 2')), 'two\r\n\r\n');
});

test('a message that cannot be read at all is refused, and the session goes on', async (t) => {
  const host = await pop3Host(t, { empty: true });
  host.put('new/1.a', 'one\n');
  const client = await host.loggedIn();
  const file = path.join(host.maildir(), 'new/1.a');
  rmSync(file);
  mkdirSync(file);
  assert.match(await client.ask('RETR 1'), /^-ERR \[SYS\/TEMP\] /);
  assert.equal(await client.ask('NOOP'), '+OK \r\n');
});

test('a message that cannot be opened is told as qmail-pop3d tells it', async (t) => {
  const host = await pop3Host(t, { empty: true });
  host.put('new/1.a', 'a\n', { mtime: 1000 });
  const client = await host.loggedIn();
  const file = path.join(host.maildir(), 'new/1.a');
  rmSync(file);
  symlinkSync('1.a', file);
  for (const command of ['RETR 1', 'TOP 1 1'])
    assert.equal(await client.ask(command), '-ERR unable to open that message\r\n');
  assert.equal(await client.ask('NOOP'), '+OK \r\n');
});

test('beside another reader: found again when it was moved or flagged, told when it is gone', async (t) => {
  const host = await pop3Host(t, { empty: true });
  for (const [name, time] of [
    ['1.a', 1000],
    ['2.b', 2000],
    ['3.c', 3000],
  ] as const)
    host.put(`new/${name}`, `${name}\n`, { mtime: time });
  const client = await host.loggedIn();
  const maildir = host.maildir();
  renameSync(`${maildir}/new/1.a`, `${maildir}/cur/1.a:2,S`);
  rmSync(`${maildir}/new/2.b`);
  host.put('new/4.late', 'late\n');
  assert.equal(messageOf(await client.ask('RETR 1')), '1.a\r\n\r\n');
  assert.equal(await client.ask('RETR 2'), '-ERR unable to open that message\r\n');
  assert.equal(await client.ask('TOP 2 1'), '-ERR unable to open that message\r\n');
  assert.match(await client.ask('STAT'), /^\+OK 3 /);
  for (const number of [1, 2]) assert.equal(await client.ask(`DELE ${number}`), '+OK \r\n');
  assert.equal(await client.ask('QUIT'), '+OK \r\n');
  assert.deepEqual(host.names(), ['new/4.late', 'cur/3.c:2,']);
});

test('two sessions of one account: what the first removed is gone for the second', async (t) => {
  const host = await pop3Host(t);
  const [first, second] = [await host.loggedIn(), await host.loggedIn()];
  for (const client of [first, second]) for (const number of [1, 2, 3]) await client.ask(`DELE ${number}`);
  assert.equal(await first.ask('QUIT'), '+OK \r\n');
  assert.equal(await second.ask('RETR 4'), '+OK \r\nSubject: crlf inside\r\n\r\na\r\nb\r\n\r\n.\r\n');
  assert.equal(await second.ask('QUIT'), '+OK \r\n');
  assert.equal(host.names().length, 3);
});

test('what cannot be removed at QUIT is one refusal, and it is still there', async (t) => {
  const host = await pop3Host(t, { empty: true });
  for (const name of ['1.a', '2.b']) host.put(`new/${name}`, 'x\n');
  const client = await host.loggedIn();
  for (const number of [1, 2]) await client.ask(`DELE ${number}`);
  for (const name of ['1.a', '2.b']) {
    rmSync(path.join(host.maildir(), 'new', name));
    mkdirSync(path.join(host.maildir(), 'new', name));
  }
  client.send('QUIT\r\n');
  assert.equal(await client.closed(), '-ERR unable to unlink all deleted messages\r\n');
});

test('the ids of Dovecot and Courier by option', async (t) => {
  const dovecot = await pop3Host(t, { uidl: 'dovecot', empty: true });
  dovecot.put('new/1.a', 'x\n');
  writeFileSync(path.join(dovecot.maildir(), 'dovecot-uidlist'), '3 V1795485529 N8 G00\n7 :1.a\n');
  assert.equal(await (await dovecot.loggedIn()).ask('UIDL'), '+OK \r\n1 000000076b04ef59\r\n.\r\n');
  const courier = await pop3Host(t, { uidl: 'courier', empty: true });
  courier.put('new/1.a', 'x\n');
  writeFileSync(path.join(courier.maildir(), 'courierpop3dsizelist'), '/3 9 1795487263\n1.a 3 4:1795487263:0\n');
  assert.equal(await (await courier.loggedIn()).ask('UIDL 1'), '+OK 1 UID4-1795487263\r\n');
});

test('a message without an id yet is not in the session', async (t) => {
  const host = await pop3Host(t, { uidl: 'dovecot', empty: true });
  host.put('new/1.a', 'x\n', { mtime: 1000 });
  host.put('new/2.b', 'x\n', { mtime: 2000 });
  const list = path.join(host.maildir(), 'dovecot-uidlist');
  writeFileSync(list, '3 V1795485529 N8 G00\n7 :2.b\n');
  writeFileSync(`${list}.lock`, `${process.pid}:${(await import('node:os')).hostname()}`);
  const client = await host.loggedIn();
  assert.equal(await client.ask('UIDL'), '+OK \r\n1 000000076b04ef59\r\n.\r\n');
  await client.ask('QUIT');
  assert.deepEqual(host.names(), ['new/1.a', 'new/2.b'], 'and its lock keeps new/ as it is');
});

test('a line that is too long ends the session; so do too many errors', async (t) => {
  const host = await pop3Host(t, { limits: { maxLineBytes: 200, maxErrors: 3 } });
  const long = await host.connect();
  await long.line();
  long.send(`USER ${'x'.repeat(300)}`);
  assert.equal(await long.closed(), '-ERR line too long\r\n');
  const wrong = await host.connect();
  await wrong.line();
  wrong.send('A\r\nB\r\nNOOP\r\nC\r\nD\r\nE\r\nF\r\n');
  assert.equal((await wrong.closed()).match(/-ERR/g)?.length, 5);
});

test('a silent client is cut off, before login and after', async (t) => {
  const host = await pop3Host(t, { limits: { idleMs: 300 } });
  const before = await host.connect();
  await before.line();
  assert.equal(await before.closed(), '');
  const after = await host.loggedIn();
  await after.ask('DELE 1');
  assert.equal(await after.closed(), '');
  assert.equal(host.names().length, 6, 'nothing was changed');
});

test('who does not come to log in is cut off, however busy; who has logged in is not', async (t) => {
  const host = await pop3Host(t, { limits: { loginMs: 1500 } });
  const client = await host.loggedIn();
  const busy = await host.connect();
  await busy.line();
  const timer = setInterval(() => busy.send('NOOP\r\n'), 20);
  t.after(() => clearInterval(timer));
  assert.match(await busy.closed(), /^(?:\+OK \r\n)+$/);
  assert.equal(await client.ask('NOOP'), '+OK \r\n');
});

test('a client that does not read is cut off, and its message is closed', async (t) => {
  const host = await pop3Host(t, { empty: true, limits: { idleMs: 200 } });
  host.put('new/1.large', Buffer.alloc(32 * 1024 * 1024, 'line\n'));
  const client = await host.loggedIn();
  client.socket.pause();
  client.send('RETR 1\r\n');
  while ((await host.connections()) > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  await host.server.drain();
});

test('a large message is sent in pieces, as fast as the client reads, and never held', async (t) => {
  const mebibytes = 64;
  const host = await pop3Host(t, { empty: true });
  host.put('new/1.large', Buffer.alloc(mebibytes * 1024 * 1024, `${'x'.repeat(75)}\n`));
  const size = Number(/\d+\r/.exec(await (await host.loggedIn()).ask('LIST 1'))?.[0]);
  const client = await host.loggedIn();
  const { socket } = client;
  socket.removeAllListeners('data');
  let received = 0;
  let peak = 0;
  const before = process.memoryUsage().arrayBuffers;
  const all = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
      peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
      if (received === '+OK \r\n'.length + size + '.\r\n'.length) resolve();
    });
  });
  socket.pause();
  client.send('RETR 1\r\n');
  await new Promise((resolve) => setTimeout(resolve, 100));
  const whileNobodyReads = process.memoryUsage().arrayBuffers - before;
  assert.ok(whileNobodyReads < 8 * 1024 * 1024, `${whileNobodyReads} bytes held for a client that does not read`);
  socket.resume();
  await all;
  assert.ok(peak < (mebibytes / 2) * 1024 * 1024, `${peak} bytes at most`);
});

/** What the process of the owner does with a login: it is that of a test's own host. */
async function ticketFor(host: Pop3Host, tickets: LoginTickets): Promise<string> {
  const order = { service: 'pop3', login: testUser, remoteIp: '192.0.2.7', localIp: undefined } as const;
  const result = await host.logins.decideHere({ ...order, secret: { password: testPassword } });
  assert.ok(result.ok);
  return tickets.issue(result);
}

test('a session that began in another process is taken up with its ticket, once', async (t) => {
  const tickets = new LoginTickets();
  const host = await pop3Host(t, { redeem: (ticket) => tickets.redeem(ticket) });
  const ticket = await ticketFor(host, tickets);
  const listener = net.createServer({ pauseOnConnect: true }, (socket) => {
    const origin = { remoteIp: '192.0.2.7', localIp: undefined };
    host.server.resume(socket, { service: 'pop3', origin, timestamp: '<1.2@x>', ticket });
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  t.after(() => listener.close());
  const connect = async (): Promise<Pop3Client> => {
    const client = await Pop3Client.connect((listener.address() as net.AddressInfo).port);
    t.after(() => client.destroy());
    return client;
  };
  const client = await connect();
  assert.equal(await client.line(), '+OK \r\n');
  assert.match(await client.ask('STAT'), /^\+OK 5 /);
  const stamp = path.join(host.maildir(), '../lastauth');
  assert.equal(readFileSync(stamp, 'latin1'), '192.0.2.7');
  assert.equal(await (await connect()).closed(), '-ERR authorization failed\r\n');
});

test('a ticket is void when the account has changed since', async (t) => {
  const tickets = new LoginTickets();
  const host = await pop3Host(t);
  const ticket = await ticketFor(host, tickets);
  applyWrite({ [`${domainDirectory}/vpasswd`]: '', [`${domainDirectory}/vpasswd.cdb`]: null }, host.root);
  assert.equal(tickets.redeem(ticket), undefined);
});

test('a session for another owner is passed on, with what was sent ahead', async (t) => {
  const tickets = new LoginTickets();
  const other = await pop3Host(t, { redeem: (ticket) => tickets.redeem(ticket) });
  const asked: unknown[] = [];
  const listener = net.createServer({ pauseOnConnect: true }, (socket) => {
    const session = asked.at(-1) as ElsewhereSession;
    other.server.resume(socket, session);
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  t.after(() => listener.close());
  const host = await pop3Host(t, {
    login: {
      elsewhere: async (_domain, order) => {
        const result = await other.logins.decideHere(order);
        return result.ok ? { ...result, ticket: tickets.issue(result) } : result;
      },
    },
    elsewhere: async (owner, session) => {
      asked.push(owner, session);
      return net.connect({ port: (listener.address() as net.AddressInfo).port, host: '127.0.0.1' });
    },
  });
  const client = await host.connect();
  client.send(`${login}STAT\r\nQUIT\r\n`);
  assert.match(await client.closed(), /\+OK 5 \d+\r\n\+OK \r\n$/);
  assert.deepEqual(asked[0], { uid: 6020, gid: 6020 });
  await host.server.drain();
});

test('draining ends who waits for a login at once, and lets a session come to its QUIT', async (t) => {
  const host = await pop3Host(t);
  const before = await host.connect();
  await before.line();
  const client = await host.loggedIn();
  await client.ask('DELE 1');
  const drained = host.server.drain();
  assert.equal(await before.closed(), '');
  assert.match(await client.ask('STAT'), /^\+OK 5/);
  assert.equal(await client.ask('QUIT'), '+OK \r\n');
  await drained;
  assert.equal(host.names().length, 5);
  const late = await host.connect();
  assert.equal(await late.closed(), '');
});

test('many sessions at once', async (t) => {
  const host = await pop3Host(t);
  const clients = await Promise.all(Array.from({ length: 60 }, () => host.loggedIn()));
  const replies = await Promise.all(clients.map((client) => client.ask('UIDL')));
  assert.equal(new Set(replies).size, 1);
  await Promise.all(clients.map((client) => client.ask('QUIT')));
  await host.server.drain();
});
