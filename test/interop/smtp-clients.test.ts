// Programs that people send mail with, against our server: swaks, curl, Python's smtplib, s-nail.

import assert from 'node:assert/strict';
import test from 'node:test';
import type { Outcome } from '../../src/delivery/resolution/resolution.js';
import { collectingDelivery } from '../support/collecting-delivery.js';
import { needs } from '../support/needs.js';
import { run } from '../support/program.js';
import { testHost } from '../support/smtp-host.js';

const known: Outcome = { kind: 'deliver', maildirs: [], loopLines: { exact: [], anyCase: [] } };
const unknown: Outcome = {
  kind: 'refuse',
  code: 550,
  status: '5.1.1',
  text: 'Sorry, no mailbox here by that name. (#5.1.1)',
};

const collecting = (): ReturnType<typeof collectingDelivery> =>
  collectingDelivery({ outcome: (name) => (name.startsWith('nobody@') ? unknown : known) });

test('swaks: a message, pipelined, with several recipients and dots', async (t) => {
  if (!needs(t, 'swaks')) return;
  const delivery = collecting();
  const host = await testHost(t, delivery);
  const to = 'test@mailtest.example.jp,hanako@mailtest.example.jp';
  const sent = await run(
    [
      'swaks',
      '--server',
      '127.0.0.1',
      '--port',
      String(host.port),
      '--pipeline',
      '--helo',
      'me',
      '--from',
      'noel@example.gr.jp',
      '--to',
      to,
      '--data',
      '-',
    ],
    'Subject: from swaks\n\n.a line with a dot\n..two\nend\n',
  );
  assert.equal(sent.status, 0, sent.stdout + sent.stderr);
  assert.match(sent.stdout, /250 ok \d+ qp \d+/);
  assert.deepEqual(delivery.messages[0]?.recipients, ['test@mailtest.example.jp', 'hanako@mailtest.example.jp']);
  assert.ok(delivery.messages[0]?.text.includes('\n\n.a line with a dot\n..two\nend\n'));
});

test('swaks: an unknown recipient is known to be unknown at once', async (t) => {
  if (!needs(t, 'swaks')) return;
  const host = await testHost(t, collecting());
  const sent = await run([
    'swaks',
    '--server',
    '127.0.0.1',
    '--port',
    String(host.port),
    '--from',
    'a@b.example',
    '--to',
    'nobody@mailtest.example.jp',
  ]);
  assert.equal(sent.status, 24, 'swaks says that no recipient was accepted');
  assert.match(sent.stdout, /550 5\.1\.1 Sorry, no mailbox here by that name\. \(#5\.1\.1\)/);
});

test('curl: a message with CRLF lines and 8 bit, and a refused recipient', async (t) => {
  if (!needs(t, 'curl')) return;
  const delivery = collecting();
  const host = await testHost(t, delivery);
  const message = Buffer.from('Subject: \xe9\r\n\r\n\xe6\x97\xa5\r\n..\r\nend\r\n', 'latin1');
  const curl = (to: string): Promise<{ status: number | string; stderr: string }> =>
    run(
      [
        'curl',
        '-sS',
        `smtp://127.0.0.1:${host.port}/me`,
        '--mail-from',
        'noel@example.gr.jp',
        '--mail-rcpt',
        to,
        '--upload-file',
        '-',
      ],
      message,
    );
  const sent = await curl('test@mailtest.example.jp');
  assert.equal(sent.status, 0, sent.stderr);
  assert.ok(delivery.messages[0]?.text.endsWith('\nSubject: \xe9\n\n\xe6\x97\xa5\n..\nend\n'));
  assert.match(delivery.messages[0]?.text ?? '', /\(HELO me\)/);
  assert.notEqual((await curl('nobody@mailtest.example.jp')).status, 0);
  assert.notEqual((await curl('x@elsewhere.example')).status, 0);
});

const python = `
import smtplib, sys
from email.message import EmailMessage
s = smtplib.SMTP('127.0.0.1', int(sys.argv[1]))
s.ehlo('python.example')
print(sorted(s.esmtp_features))
m = EmailMessage(); m['From'] = 'noel@example.gr.jp'; m['To'] = 'test@mailtest.example.jp'; m['Subject'] = 'smtplib'
m.set_content('one\\n.two\\n' + 'x' * 70 + '\\n')
print(s.send_message(m))
refused = s.sendmail('noel@example.gr.jp', ['test@mailtest.example.jp', 'nobody@mailtest.example.jp'], 'Subject: 2\\r\\n\\r\\nbody\\r\\n')
print(refused)
print(s.sendmail('\\u5c71@example.org', ['\\u305f\\u308d\\u3046@mailtest.example.jp'], 'Subject: 3\\r\\n\\r\\n', ['SMTPUTF8', 'BODY=8BITMIME']))
print(s.docmd('help'), s.verify('test'), s.rset(), s.noop())
try:
    s.sendmail('noel@example.gr.jp', ['test@mailtest.example.jp'], 'x' * 3000000, ['SIZE=3000000'])
except smtplib.SMTPSenderRefused as e:
    print('refused', e.smtp_code)
print(s.quit()[0])
`;

test('smtplib: features, refused recipients, SMTPUTF8, SIZE', async (t) => {
  if (!needs(t, 'python3')) return;
  const delivery = collecting();
  const host = await testHost(t, delivery, { control: { databytes: '1000000\n' } });
  const ran = await run(['python3', '-c', python, String(host.port)], '', { PYTHONIOENCODING: 'utf-8' });
  assert.equal(ran.status, 0, ran.stdout + ran.stderr);
  const lines = ran.stdout.trim().split('\n');
  assert.equal(lines[0], "['8bitmime', 'enhancedstatuscodes', 'pipelining', 'size', 'smtputf8']");
  assert.equal(lines[1], '{}');
  assert.match(lines[2] ?? '', /^\{'nobody@mailtest\.example\.jp': \(550, b'5\.1\.1 Sorry, no mailbox/);
  assert.equal(lines[3], '{}');
  assert.equal(lines[5], 'refused 552');
  assert.equal(lines[6], '221');
  assert.equal(delivery.messages.length, 3);
  assert.equal(delivery.messages[2]?.recipients[0], Buffer.from('たろう@mailtest.example.jp').toString('latin1'));
  assert.ok(delivery.messages[0]?.text.includes(`\n\none\n.two\n${'x'.repeat(70)}\n`));
});

test('s-nail sends by SMTP', async (t) => {
  if (!needs(t, 's-nail')) return;
  const delivery = collecting();
  const host = await testHost(t, delivery);
  const options = [
    '-S',
    'v15-compat',
    '-S',
    `mta=smtp://127.0.0.1:${host.port}`,
    '-S',
    'smtp-auth=none',
    '-S',
    'hostname=client.example',
  ];
  const ran = await run(
    ['s-nail', '-:/', ...options, '-r', 'noel@example.gr.jp', '-s', 'from s-nail', 'test@mailtest.example.jp'],
    'Hello.\n.\nstill here\n',
  );
  assert.equal(ran.status, 0, ran.stdout + ran.stderr);
  assert.match(delivery.messages[0]?.text ?? '', /\nSubject: from s-nail\n/);
  assert.ok(delivery.messages[0]?.text.endsWith('\nHello.\n.\nstill here\n'));
});
