// Debian's Postfix in front of us, asking us (socketmap) or reading our tables: what vadddomain and vadduser do counts with no reload, unknown users are refused by Postfix itself.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { needs, needsRoot, programPath } from '../support/needs.js';
import { freePort } from '../support/ports.js';
import { type RunningPostfix, startPostfix } from '../support/postfix.js';
import { SmtpClient } from '../support/smtp-client.js';
import { type StartedServer, startServer, vqmailProgram } from '../support/started-server.js';
import { VpopmailHost } from '../support/vpopmail-host.js';

/** A Postfix that takes mail from strangers for what it is told are our domains only. */
const strangersOnly = [
  'mynetworks = 192.0.2.1/32',
  'smtpd_relay_restrictions = reject_unauth_destination',
  'smtpd_error_sleep_time = 0',
  'parent_domain_matches_subdomains =',
];

const live = (socket: string): string[] => [
  ...strangersOnly,
  `relay_domains = socketmap:unix:${socket}:relay-domains`,
  `transport_maps = socketmap:unix:${socket}:transport`,
  `relay_recipient_maps = socketmap:unix:${socket}:recipients`,
  `smtpd_recipient_restrictions = check_recipient_access socketmap:unix:${socket}:recipient-access`,
];

/** The reply to RCPT in a session of its own. */
async function rcpt(postfix: RunningPostfix, recipient: string): Promise<string> {
  const client = await SmtpClient.connect(postfix.port);
  await client.reply();
  await client.command('EHLO sender.example');
  await client.command('MAIL FROM:<noel@example.gr.jp>');
  const reply = (await client.command(`RCPT TO:<${recipient}>`)) ?? 'closed';
  await client.command('QUIT');
  return reply;
}

async function send(postfix: RunningPostfix, recipient: string): Promise<void> {
  const client = await SmtpClient.connect(postfix.port);
  await client.reply();
  for (const line of ['EHLO sender.example', 'MAIL FROM:<noel@example.gr.jp>', `RCPT TO:<${recipient}>`, 'DATA'])
    await client.command(line);
  assert.match((await client.command('Subject: by Postfix\r\n\r\nhello\r\n.')) ?? '', /^250/, postfix.log());
  await client.command('QUIT');
}

async function until(condition: () => boolean | Promise<boolean>, why: () => string): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (await condition()) return;
    await sleep(20);
  }
  assert.fail(why());
}

/** Runs one of the tools on a host. */
function tool(files: VpopmailHost, ...args: string[]): void {
  const env = { ...process.env, VQMAIL_ROOT: files.root };
  const { status, stdout, stderr } = spawnSync(process.execPath, [vqmailProgram, ...args], { env, encoding: 'latin1' });
  assert.equal(status, 0, `${args.join(' ')}: ${stdout}${stderr}`);
}

function messages(files: VpopmailHost, domain: string, user: string): string[] {
  return fs.readdirSync(path.join(files.directory(domain), user, 'Maildir/new'));
}

function serve(t: TestContext, files: VpopmailHost, ...listen: string[]): Promise<StartedServer> {
  const places = listen.flatMap((place) => ['--listen', place]);
  return startServer(['--root', files.root, '--workers', '1', '--drain-seconds', '1', ...places]).then((server) => {
    t.after(() => server.stop('SIGKILL'));
    return server;
  });
}

for (const chroot of [false, true]) {
  test(`socketmap, Postfix ${chroot ? 'chrooted' : 'not chrooted'}: domains and users as the tools make them, with no reload`, async (t) => {
    if (!needs(t, 'postfix') || !needsRoot(t)) return;
    const files = new VpopmailHost(t);
    files.domain('example.jp', { accounts: { joe: 0 } });
    // Relative to the queue directory, where Postfix's processes stand in both cases.
    const postfix = await startPostfix(live('vqmail/postmap'), [], { chroot });
    t.after(() => postfix.stop());
    const socket = `unix:${postfix.queueDirectory}/vqmail/postmap,mode=0660,group=postfix`;
    const server = await serve(t, files, 'smtp=127.0.0.1:0', `postmap=${socket}`);

    assert.match(await rcpt(postfix, 'joe@example.jp'), /^250 /, postfix.log());
    assert.match(await rcpt(postfix, 'nobody@example.jp'), /^550 5\.1\.1 .*sorry, no mailbox here by that name/);
    // Another name than those below: an smtpd remembers how it resolved an address (smtpd_resolve.c).
    assert.match(await rcpt(postfix, 'early@new.example'), /^554 5\.7\.1 .*Relay access denied/);

    tool(files, 'vadddomain', 'new.example', 'secret');
    assert.match(await rcpt(postfix, 'postmaster@new.example'), /^250 /, postfix.log());
    assert.match(await rcpt(postfix, 'ann@new.example'), /^550 5\.1\.1 /);
    tool(files, 'vadduser', 'ann@new.example', 'secret');
    assert.match(await rcpt(postfix, 'ann@new.example'), /^250 /);
    await send(postfix, 'ann@new.example');
    await until(
      () => messages(files, 'new.example', 'ann').length === 1,
      () => `${postfix.log()}${server.log()}`,
    );

    tool(files, 'vsetuserquota', 'ann@new.example', '10S');
    assert.match(await rcpt(postfix, 'ann@new.example'), /^552 5\.2\.2 /, 'a full mailbox, as our own RCPT has it');
    tool(files, 'vdeluser', 'ann@new.example');
    assert.match(await rcpt(postfix, 'ann@new.example'), /^550 5\.1\.1 /);
    tool(files, 'vdeldomain', 'new.example');
    assert.match(await rcpt(postfix, 'late@new.example'), /^554 5\.7\.1 /);
    assert.match(await rcpt(postfix, 'postmaster@new.example'), /^55[04] /);
    assert.doesNotMatch(server.log(), /alert|defect/);
  });
}

test('socketmap: trouble is 451, a catch-all takes everybody, a server that is gone is 451', async (t) => {
  if (!needs(t, 'postfix') || !needsRoot(t)) return;
  const files = new VpopmailHost(t);
  files.domain('example.jp', { accounts: { joe: 0, full: 0 } });
  files.domain('catch.example', { accounts: { joe: 0 }, unknown: '/home/vpopmail/domains/catch.example/joe' });
  const port = await freePort();
  const recipientsOnly = [
    ...strangersOnly,
    `relay_domains = socketmap:inet:127.0.0.1:${port}:relay-domains`,
    `transport_maps = socketmap:inet:127.0.0.1:${port}:transport`,
    `relay_recipient_maps = socketmap:inet:127.0.0.1:${port}:recipients`,
  ];
  const postfix = await startPostfix(recipientsOnly, []);
  t.after(() => postfix.stop());
  const server = await serve(t, files, 'smtp=127.0.0.1:0', `postmap=127.0.0.1:${port}`);
  assert.match(await rcpt(postfix, 'joe@example.jp'), /^250 /, postfix.log());
  assert.match(await rcpt(postfix, 'joe-list@example.jp'), /^250 /);
  assert.match(await rcpt(postfix, 'nobody@example.jp'), /^550 5\.1\.1 .*User unknown in relay recipient table/);
  assert.match(await rcpt(postfix, '"no body"@example.jp'), /^550 5\.1\.1 /);
  assert.match(await rcpt(postfix, 'anybody@catch.example'), /^250 /);
  await send(postfix, 'anybody@catch.example');
  await until(
    () => messages(files, 'catch.example', 'joe').length === 1,
    () => `${postfix.log()}${server.log()}`,
  );

  const cdb = path.join(files.directory('example.jp'), 'vpasswd.cdb');
  const whole = fs.readFileSync(cdb);
  files.write(cdb, 'no cdb');
  for (const name of ['joe', 'nobody']) assert.match(await rcpt(postfix, `${name}@example.jp`), /^451 4\.3\.0 /);
  assert.match(await rcpt(postfix, 'anybody@catch.example'), /^250 /, 'another domain does not suffer');
  files.write(cdb, whole);
  fs.chownSync(cdb, 6020, 6020);
  assert.match(await rcpt(postfix, 'joe@example.jp'), /^250 /);

  assert.equal(await server.stop(), 0);
  assert.match(await rcpt(postfix, 'joe@example.jp'), /^451 4\.3\.0 /, postfix.log());
  await serve(t, files, 'smtp=127.0.0.1:0', `postmap=127.0.0.1:${port}`);
  await until(
    async () => (await rcpt(postfix, 'joe@example.jp')).startsWith('250 '),
    () => postfix.log(),
  );
});

test('tables of postfix-maps --watch: the same with files, no reload either', async (t) => {
  if (!needs(t, 'postfix', 'postmap') || !needsRoot(t)) return;
  const files = new VpopmailHost(t);
  files.domain('example.jp', { accounts: { joe: 0 } });
  files.domain('catch.example', { accounts: { joe: 0 }, unknown: '/home/vpopmail/domains/catch.example/joe' });
  const server = await serve(t, files, 'smtp=127.0.0.1:0');
  const into = path.join(files.root, 'maps');
  const tables = [
    ...strangersOnly,
    `relay_domains = hash:${into}/relay_domains`,
    `transport_maps = hash:${into}/transport`,
    `relay_recipient_maps = hash:${into}/relay_recipients`,
    'recipient_delimiter = -',
  ];
  const postfix = await startPostfix(tables, []);
  t.after(() => postfix.stop());
  const watching = spawn(
    process.execPath,
    [
      ...[vqmailProgram, 'postfix-maps', '--root', files.root, '--into', into, '--watch', '--type', 'hash'],
      ...['--transport', `smtp:[127.0.0.1]:${server.ports.smtp}`, '--postfix-config', postfix.config],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  t.after(() => watching.kill('SIGKILL'));
  await new Promise((resolve) => watching.stdout.once('data', resolve));
  const ask = (key: string): string =>
    spawnSync(programPath('postmap') ?? '', ['-c', postfix.config, '-q', key, `hash:${into}/relay_recipients`], {
      encoding: 'latin1',
    }).stdout;
  assert.equal(ask('joe@example.jp'), 'OK\n');

  const becomes = (recipient: string, reply: RegExp): Promise<void> =>
    until(
      async () => reply.test(await rcpt(postfix, recipient)),
      () => postfix.log(),
    );
  assert.match(await rcpt(postfix, 'joe@example.jp'), /^250 /, postfix.log());
  assert.match(await rcpt(postfix, 'joe-list@example.jp'), /^250 /);
  assert.match(await rcpt(postfix, 'nobody@example.jp'), /^550 5\.1\.1 .*User unknown in relay recipient table/);
  assert.match(await rcpt(postfix, 'nobody@sub.example.jp'), /^554 5\.7\.1 /);
  assert.match(await rcpt(postfix, 'anybody@catch.example'), /^250 /);
  await send(postfix, 'joe@example.jp');
  await until(
    () => messages(files, 'example.jp', 'joe').length === 1,
    () => `${postfix.log()}${server.log()}`,
  );
  tool(files, 'vadddomain', 'new.example', 'secret');
  await becomes('postmaster@new.example', /^250 /);
  tool(files, 'vadduser', 'ann@new.example', 'secret');
  await becomes('ann@new.example', /^250 /);
  tool(files, 'vdeluser', 'ann@new.example');
  await becomes('ann@new.example', /^550 5\.1\.1 /);
});
