// Sessions with servers of every kind: what is said to them, and what is reported.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import type { RemoteContext } from '../../../src/delivery/remote/context.js';
import { type Mail, type RemoteHost, remoteHost } from '../../support/remote-host.js';
import { type Sink, type SinkOptions, startSink as startSmtpSink } from '../../support/smtp-sink.js';

const ehlo = (...offers: string[]): string =>
  ['sink.example', ...offers].map((line, i, all) => `250${i === all.length - 1 ? ' ' : '-'}${line}\r\n`).join('');
const recipient = 'r@remote.example';

interface Case {
  readonly why: string;
  readonly sink: SinkOptions;
  readonly mail?: Partial<Mail>;
  /** Each recipient's outcome and text. */
  readonly reports: readonly string[];
  /** Lines said, without the message. */
  readonly said?: readonly string[];
  readonly messages?: readonly string[];
}

const helo = ['EHLO mail.example.gr.jp', 'HELO mail.example.gr.jp'];
const accepted = 'success: 127.0.0.1 accepted message.\nRemote host said: 250 ok\n';
const utf8 = (text: string): string => Buffer.from(text).toString('latin1');

const cases: readonly Case[] = [
  {
    why: 'everything is offered and used, and MAIL and RCPT go together',
    sink: { replies: { EHLO: ehlo('PIPELINING', 'SIZE 100000', '8BITMIME', 'SMTPUTF8') } },
    reports: [accepted],
    said: ['EHLO mail.example.gr.jp', 'MAIL FROM:<a@b.example> SIZE=26', `RCPT TO:<${recipient}>`, 'DATA', 'QUIT'],
  },
  {
    why: '8-bit bytes are announced where that is possible',
    sink: { replies: { EHLO: ehlo('8BITMIME') } },
    mail: { message: 'Subject: x\n\n\xe9\n' },
    reports: [accepted],
    said: [
      'EHLO mail.example.gr.jp',
      'MAIL FROM:<a@b.example> BODY=8BITMIME',
      `RCPT TO:<${recipient}>`,
      'DATA',
      'QUIT',
    ],
    messages: ['Subject: x\r\n\r\n\xe9\r\n'],
  },
  {
    why: '8-bit bytes are refused where what is offered has no place for them',
    sink: { replies: { EHLO: ehlo('SIZE 1000') } },
    mail: { message: 'Subject: x\n\n\xe9\n' },
    reports: [
      'failure: Connected to 127.0.0.1 but this message has 8-bit bytes, and 8BITMIME is not offered. (#5.6.3)\n',
    ],
    said: ['EHLO mail.example.gr.jp', 'QUIT'],
  },
  {
    why: '8-bit bytes go to a server of old as qmail sends them',
    sink: {},
    mail: { message: 'Subject: x\n\n\xe9\n' },
    reports: [accepted],
    said: [...helo, 'MAIL FROM:<a@b.example>', `RCPT TO:<${recipient}>`, 'DATA', 'QUIT'],
    messages: ['Subject: x\r\n\r\n\xe9\r\n'],
  },
  {
    why: 'a server that answers EHLO and offers nothing is one of old too',
    sink: { replies: { EHLO: '250 ok\r\n' } },
    mail: { message: 'Subject: x\n\n\xe9\n' },
    reports: [accepted],
    said: ['EHLO mail.example.gr.jp', 'MAIL FROM:<a@b.example>', `RCPT TO:<${recipient}>`, 'DATA', 'QUIT'],
  },
  {
    why: 'addresses in UTF-8 with SMTPUTF8',
    sink: { replies: { EHLO: ehlo('SMTPUTF8', '8BITMIME') } },
    mail: { sender: utf8('jürgen@müller.example'), recipients: [utf8('花 子@remote.example')] },
    reports: [accepted],
    said: [
      'EHLO mail.example.gr.jp',
      utf8('MAIL FROM:<jürgen@müller.example> SMTPUTF8'),
      utf8('RCPT TO:<"花 子"@remote.example>'),
      'DATA',
      'QUIT',
    ],
  },
  {
    why: 'without it a sender in UTF-8 is refused',
    sink: { replies: { EHLO: ehlo('8BITMIME') } },
    mail: { sender: utf8('jürgen@b.example') },
    reports: ['failure: Connected to 127.0.0.1 but the sender is not ASCII, and SMTPUTF8 is not offered. (#5.6.7)\n'],
  },
  {
    why: 'without it a domain in UTF-8 has its ASCII form, and a recipient whose local part is not ASCII is refused alone',
    sink: { replies: { EHLO: ehlo('8BITMIME') } },
    mail: { sender: utf8('joe@müller.example'), recipients: [utf8('花@remote.example'), recipient] },
    reports: [
      'failure: Connected to 127.0.0.1 but the recipient is not ASCII, and SMTPUTF8 is not offered. (#5.6.7)\nGiving up on 127.0.0.1.\n',
      accepted,
    ],
    said: [
      'EHLO mail.example.gr.jp',
      'MAIL FROM:<joe@xn--mller-kva.example>',
      `RCPT TO:<${recipient}>`,
      'DATA',
      'QUIT',
    ],
  },
  {
    why: 'EHLO refused for now is not asked again as HELO',
    sink: { replies: { EHLO: '421 busy\r\n' } },
    reports: ['deferral: Connected to 127.0.0.1 but my name was rejected.\nRemote host said: 421 busy\n'],
    said: ['EHLO mail.example.gr.jp', 'QUIT'],
  },
  {
    why: 'several recipients of one host share a session, and each has its report',
    sink: { replies: { EHLO: ehlo('PIPELINING'), RCPT: ['250 ok\r\n', '550 no\r\n', '451 later\r\n', '250 ok\r\n'] } },
    mail: { recipients: ['1', '2', '3', '4'].map((name) => `${name}@remote.example`) },
    reports: [
      accepted,
      'failure: 127.0.0.1 does not like recipient.\nRemote host said: 550 no\nGiving up on 127.0.0.1.\n',
      'deferral: 127.0.0.1 does not like recipient.\nRemote host said: 451 later\nGiving up on 127.0.0.1.\n',
      accepted,
    ],
  },
  {
    why: 'a refused sender among pipelined commands: the replies behind it do not matter',
    sink: { replies: { EHLO: ehlo('PIPELINING'), MAIL: '553 no\r\n', RCPT: '503 MAIL first\r\n' } },
    mail: { recipients: [recipient, `two${recipient}`] },
    reports: Array(2).fill('failure: Connected to 127.0.0.1 but sender was rejected.\nRemote host said: 553 no\n'),
    said: [
      'EHLO mail.example.gr.jp',
      'MAIL FROM:<a@b.example>',
      `RCPT TO:<${recipient}>`,
      `RCPT TO:<two${recipient}>`,
      'QUIT',
    ],
  },
  {
    why: 'the connection ends behind a refused sender',
    sink: { replies: { EHLO: ehlo('PIPELINING'), MAIL: '553 no\r\n', RCPT: 'DROP' } },
    reports: ['failure: Connected to 127.0.0.1 but sender was rejected.\nRemote host said: 553 no\n'],
  },
  {
    why: 'the connection ends among the recipients: who was answered keeps the answer',
    sink: { replies: { RCPT: ['550 no\r\n', '250 ok\r\n', 'DROP'] } },
    mail: { recipients: ['1', '2', '3'].map((name) => `${name}@remote.example`) },
    reports: [
      'failure: 127.0.0.1 does not like recipient.\nRemote host said: 550 no\nGiving up on 127.0.0.1.\n',
      ...Array(2).fill('deferral: Connected to 127.0.0.1 but connection died. (#4.4.2)\n'),
    ],
  },
  {
    why: 'DATA may be answered with 250',
    sink: { replies: { DATA: '250 go\r\n' } },
    reports: [accepted],
  },
  {
    why: 'a reply that is none is a refusal, as qmail computes it',
    sink: { replies: { RCPT: 'what?\r\n' } },
    reports: ['failure: 127.0.0.1 does not like recipient.\nRemote host said: what?\nGiving up on 127.0.0.1.\n'],
  },
  {
    why: 'a bare CR does not smuggle commands',
    sink: {},
    mail: { message: 'Subject: x\n\na\r.\r\nMAIL FROM:<evil@example>\n' },
    reports: [accepted],
    messages: ['Subject: x\r\n\r\na\r\n..\r\nMAIL FROM:<evil@example>\r\n'],
  },
  { why: 'an empty message', sink: {}, mail: { message: '' }, reports: [accepted], messages: [''] },
  {
    why: 'a CR at the very end ends the last line',
    sink: {},
    mail: { message: 'Subject: x\n\nend\r' },
    reports: [accepted],
    messages: ['Subject: x\r\n\r\nend\r\n'],
  },
  {
    why: 'an address that would break its command is refused before anything is said',
    sink: {},
    mail: { sender: 'a@b.example>\r\nRCPT TO:<c@d.example' },
    reports: ['failure: Sorry, I cannot send an address with a line end or a NUL in it. (#5.1.3)\n'],
    said: [],
  },
  {
    why: 'such a recipient does not keep the others from their mail; nor does one without a host',
    sink: {},
    mail: { recipients: ['a\nb@remote.example', recipient, 'nobody'] },
    reports: [
      'failure: Sorry, I cannot send an address with a line end or a NUL in it. (#5.1.3)\n',
      accepted,
      'failure: Sorry, address must include host name. (#5.1.3)\n',
    ],
  },
  {
    why: 'a sender without a host goes as it is',
    sink: {},
    mail: { sender: 'a b' },
    reports: [accepted],
    said: [...helo, 'MAIL FROM:<a b>', `RCPT TO:<${recipient}>`, 'DATA', 'QUIT'],
  },
  {
    why: 'a reply that came before the connection ended is read, also in the middle of the message',
    sink: { replies: { DATA: '354 go\r\n552 too much\r\n' } },
    reports: ['failure: 127.0.0.1 failed after I sent the message.\nRemote host said: 552 too much\n'],
  },
];

const hosts: RemoteHost[] = [];
const sinks: Sink[] = [];
after(async () => {
  for (const host of hosts) host.remove();
  for (const sink of sinks) await sink.stop();
});

async function startSink(options: SinkOptions = {}): Promise<Sink> {
  const sink = await startSmtpSink(options);
  sinks.push(sink);
  return sink;
}

function hostFor(
  sink: Sink,
  control: Readonly<Record<string, string>> = {},
  context: Partial<RemoteContext> = {},
): RemoteHost {
  const host = remoteHost({ smtproutes: `:${sink.ip}:${sink.port}\n`, timeoutremote: '20\n', ...control }, context);
  hosts.push(host);
  return host;
}

async function shown(host: RemoteHost, mail: Partial<Mail> = {}): Promise<string[]> {
  const reports = await host.send({ recipients: [recipient], ...mail });
  return reports.map(({ outcome, text }) => `${outcome}: ${text}`);
}

for (const { why, sink: options, mail, reports, said, messages } of cases) {
  test(why, async () => {
    const sink = await startSink(options);
    const host = hostFor(sink);
    assert.deepEqual(await shown(host, mail), reports);
    // The last line may still be on its way when the reports are here.
    for (let i = 0; i < 200 && said !== undefined && sink.commands().length < said.length; i++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    if (said !== undefined) assert.deepEqual(sink.commands(), said);
    if (messages !== undefined) assert.deepEqual(sink.messages(), messages);
    assert.equal(host.log(), '');
    await sink.stop();
  });
}

test('a large message is sent as it is', async () => {
  const sink = await startSink({ replies: { EHLO: ehlo('SIZE 0', '8BITMIME') } });
  const line = `.${'x'.repeat(997)}\xe9\n`;
  const message = Buffer.from(`Subject: large\n\n${line.repeat(3000)}`, 'latin1');
  assert.deepEqual(await shown(hostFor(sink), { message }), [accepted]);
  const wire = `Subject: large\r\n\r\n${`.${line.slice(0, -1)}\r\n`.repeat(3000)}`;
  assert.equal(sink.messages()[0], wire);
  assert.match(sink.commands()[1] ?? '', new RegExp(`SIZE=${wire.length} BODY=8BITMIME`));
  await sink.stop();
});

test('a large message without an end is cut off, not taken', async () => {
  const sink = await startSink();
  assert.deepEqual(await shown(hostFor(sink), { message: `${'x\n'.repeat(100_000)}end` }), [
    'failure: SMTP cannot transfer messages with partial final lines. (#5.6.2)\n',
  ]);
  assert.deepEqual(sink.messages(), []);
  await sink.stop();
});

test('a connection that ends at any byte: not now, and a duplicate is possible only once the whole message was sent', async () => {
  const whole = await startSink();
  assert.deepEqual(await shown(hostFor(whole)), [accepted]);
  const total = [
    ...whole
      .commands()
      .filter((line) => line !== 'QUIT')
      .map((line) => `${line}\r\n`),
    ...whole.messages(),
    '.\r\n',
  ].join('').length;
  await whole.stop();
  for (let bytes = 1; bytes <= total; bytes += 7) {
    const sink = await startSink({ dropAfterBytes: bytes });
    const [report = ''] = await shown(hostFor(sink));
    const isDuplicatePossible = bytes > total - 26 - 3;
    assert.equal(
      report,
      `deferral: Connected to 127.0.0.1 but connection died. ${isDuplicatePossible ? 'Possible duplicate! ' : ''}(#4.4.2)\n`,
      `at byte ${bytes} of ${total}`,
    );
    await sink.stop();
  }
});

test('a host that is silent costs timeoutremote, one stage after the other', async () => {
  for (const verb of ['greeting', 'EHLO', 'MAIL', 'RCPT', 'DATA', '.']) {
    const sink = await startSink(
      verb === 'greeting' ? { greeting: '' } : { replies: { EHLO: ehlo('8BITMIME'), [verb]: '' } },
    );
    const critical = verb === '.' ? 'Possible duplicate! ' : '';
    assert.deepEqual(await shown(hostFor(sink, { timeoutremote: '1\n' })), [
      `deferral: Connected to 127.0.0.1 but connection died. ${critical}(#4.4.2)\n`,
    ]);
    await sink.stop();
  }
});

test('a tarpit is waited for: each reply has its own time', async () => {
  const sink = await startSink({ delayMs: 500 });
  assert.deepEqual(await shown(hostFor(sink, { timeoutremote: '3\n' })), [accepted]);
  await sink.stop();
});

test('the next address is tried when nobody listens, when there is no greeting, when it is a refusal; not afterwards', async () => {
  const good = await startSink({ ip: '127.0.0.3' });
  const names = (first: string) => ({
    exchangers: async () => ({
      kind: 'found' as const,
      value: [
        { host: 'a', preference: 1 },
        { host: 'b', preference: 2 },
      ],
    }),
    addresses: async (host: string) => ({ kind: 'found' as const, value: [host === 'a' ? first : '127.0.0.3'] }),
  });
  const rows: readonly [SinkOptions | undefined, string][] = [
    [undefined, 'success: 127.0.0.3 accepted message.\nRemote host said: 250 ok\n'],
    [{ greeting: 'DROP' }, 'success: 127.0.0.3 accepted message.\nRemote host said: 250 ok\n'],
    [{ greeting: '554 no\r\n' }, 'success: 127.0.0.3 accepted message.\nRemote host said: 250 ok\n'],
    [
      { replies: { MAIL: '450 no\r\n' } },
      'deferral: Connected to 127.0.0.2 but sender was rejected.\nRemote host said: 450 no\n',
    ],
    [{ replies: { EHLO: 'DROP' } }, 'deferral: Connected to 127.0.0.2 but connection died. (#4.4.2)\n'],
  ];
  for (const [options, want] of rows) {
    const first = options === undefined ? undefined : await startSink({ ip: '127.0.0.2', port: good.port, ...options });
    const host = hostFor(good, { smtproutes: '' }, { names: names('127.0.0.2'), smtpPort: good.port });
    assert.deepEqual(await shown(host), [want]);
    await first?.stop();
  }
  await good.stop();
});

test('control files: none of them may be unreadable, and a host needs a name', async () => {
  const sink = await startSink();
  const host = hostFor(sink, { smtproutes: ':127.0.0.1:1\n' });
  assert.deepEqual(await shown(host), ["deferral: Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)\n"]);
  host.control({ smtproutes: ':127.0.0.1:none\n' });
  assert.deepEqual(await shown(host), ["deferral: Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)\n"]);
  host.control({ smtproutes: `:127.0.0.1:${sink.port}\n`, helohost: 'other.example\r\n' });
  assert.deepEqual(await shown(host), [accepted]);
  assert.equal(sink.commands()[0], 'EHLO other.example');
  const nameless = remoteHost({ me: '' });
  hosts.push(nameless);
  const trouble = ['deferral: Unable to read control files. (#4.3.0)\n'];
  const { rmSync, mkdirSync } = await import('node:fs');
  rmSync(nameless.layout.control('me'));
  assert.deepEqual(await shown(nameless), trouble);
  mkdirSync(host.layout.control('outgoingip'));
  assert.deepEqual(await shown(host), trouble);
  assert.match(host.log(), /outgoingip/);
  await sink.stop();
});

test('the address to connect from', async () => {
  const sink = await startSink();
  const host = hostFor(sink, { outgoingip: '127.0.0.77\n' });
  const from: (string | undefined)[] = [];
  const spy = (await import('node:net')).createServer((socket) => {
    from.push(socket.remoteAddress);
    socket.destroy();
  });
  await new Promise<void>((resolve) => spy.listen(0, '127.0.0.1', resolve));
  const place = spy.address();
  host.control({ smtproutes: `:127.0.0.1:${typeof place === 'object' ? place?.port : 0}\n` });
  await shown(host);
  host.control({ outgoingip: '0.0.0.0\n' });
  await shown(host);
  host.control({ outgoingip: 'here\n' });
  assert.deepEqual(await shown(host), ['deferral: Unable to read control files. (#4.3.0)\n']);
  assert.match(host.log(), /control\/outgoingip: not an address: here/);
  assert.deepEqual(from, ['127.0.0.77', '127.0.0.1']);
  spy.close();
  await sink.stop();
});

test('IPv6', async () => {
  const sink = await startSink({ ip: '::1' });
  const host = remoteHost({ smtproutes: `:[::1]:${sink.port}\n` });
  hosts.push(host);
  assert.deepEqual(await shown(host), ['success: ::1 accepted message.\nRemote host said: 250 ok\n']);
  await sink.stop();
});

test('hosts that do not answer are written down, left alone after two times, and forgiven', async () => {
  const sink = await startSink();
  let now = 1_000_000;
  // Nothing listens and nothing refuses in this network of RFC 5737: connecting takes as long as we wait, or fails at once where there is no route.
  const host = hostFor(sink, { smtproutes: `:${sink.ip}:${sink.port}\n` }, { nowSeconds: () => now, random: () => 0 });
  const record = (): string => readFileSync(host.layout.tcpto).subarray(0, 16).toString('hex');
  const { TcptoFile } = await import('../../../src/stores/remote/tcpto-file.js');
  const table = new TcptoFile(host.layout.tcpto);
  await table.timedOut('127.0.0.1', now);
  assert.equal(record(), '7f0000010100000040420f0000000000');
  assert.deepEqual(await shown(host), [accepted], 'one timeout is nothing');
  assert.equal(record(), '7f0000010000000040420f0000000000', 'forgiven');
  await table.timedOut('127.0.0.1', now);
  await table.timedOut('127.0.0.1', now + 200);
  now += 200;
  assert.deepEqual(await shown(host), ["deferral: Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)\n"]);
  assert.equal(sink.sessions.length, 1, 'not even tried');
  now += 3840;
  assert.deepEqual(await shown(host), [accepted]);
  await table.timedOut('::1', now);
  await table.timedOut('::1', now + 200);
  assert.deepEqual(await table.look('::1', now + 300, 0), { isBackedOff: true, wasThere: true });
  await table.reached('::1', { isBackedOff: false, wasThere: true });
  assert.deepEqual(await table.look('::1', now + 300, 0), { isBackedOff: false, wasThere: false });
  await sink.stop();
});
