import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseQmailDate } from '../../src/mail/dates.js';
import { queueReceivedLine, receivedLines, type SmtpTrace, smtpReceivedLine } from '../../src/mail/received.js';
import { contentOf, loadRecording, recordingNames } from '../support/recording.js';

const unixSeconds = Date.UTC(2026, 10, 24, 2, 2, 55) / 1000;
const trace: SmtpTrace = {
  remoteHost: 'client.example',
  helo: undefined,
  remoteInfo: undefined,
  remoteIp: '192.0.2.4',
  local: 'mx.example',
  protocol: 'SMTP',
  unixSeconds,
};
const by = '\n  by mx.example with SMTP; 24 Nov 2026 02:02:55 -0000\n';

test('both lines as they stand above a stored message', () => {
  const helo = { helo: 'foo!bar', remoteInfo: 'joe x' };
  assert.equal(
    receivedLines({ ...trace, ...helo, pid: 16956, invokedBy: 'network' }),
    `Received: (qmail 16956 invoked from network); 24 Nov 2026 02:02:55 -0000\nReceived: from client.example (HELO foo?bar) (joe?x@192.0.2.4)${by}`,
  );
});

test('parts of the SMTP line', () => {
  const rows: [change: Partial<SmtpTrace>, start: string, why: string][] = [
    [{}, 'from client.example (192.0.2.4)', 'neither HELO nor ident'],
    [{ helo: '' }, 'from client.example (HELO ) (192.0.2.4)', 'an empty HELO is shown'],
    [{ remoteInfo: '' }, 'from client.example (@192.0.2.4)', 'an empty ident answer leaves its @'],
    [
      { helo: '[192.0.2.4]' },
      'from client.example (HELO [192.0.2.4]) (192.0.2.4)',
      'brackets stay, as in notqmail 1.09',
    ],
    [{ helo: 'a@b%c+d/e=f:g-h' }, 'from client.example (HELO a@b%c+d/e=f:g-h) (192.0.2.4)', 'all bytes that stay'],
    [
      { helo: 'x\r\nBcc: y (z)\0\xe9_' },
      'from client.example (HELO x??Bcc:?y??z????) (192.0.2.4)',
      'nothing can forge a header field',
    ],
    [{ remoteHost: 'unknown', remoteIp: '2001:db8::1' }, 'from unknown (2001:db8::1)', 'an IPv6 client'],
  ];
  for (const [change, start, why] of rows)
    assert.equal(smtpReceivedLine({ ...trace, ...change }), `Received: ${start}${by}`, why);
  assert.match(smtpReceivedLine({ ...trace, protocol: 'QMTP' }), /with QMTP;/);
});

test('whom qmail-queue names', () => {
  const rows = [
    ['network', 'from network'],
    ['alias', 'by alias'],
    ['bounce', 'for bounce'],
  ] as const;
  for (const [invokedBy, text] of rows)
    assert.match(
      queueReceivedLine({ pid: 1, invokedBy, unixSeconds }),
      new RegExp(`^Received: \\(qmail 1 invoked ${text}\\); `),
    );
  assert.match(queueReceivedLine({ pid: 1, invokedBy: { uid: 1001 }, unixSeconds }), /invoked by uid 1001\);/);
});

test('the lines above recorded messages are made again from their parts', () => {
  const lines =
    /^Received: \(qmail (\d+) invoked from network\); ([^\n]+)\nReceived: from (\S+) (?:\(HELO ([^)]*)\) )?\((?:([^@)]*)@)?([^)]*)\)\n {2}by (\S+) with SMTP; ([^\n]+)\n/m;
  let compared = 0;
  for (const name of recordingNames('smtp')) {
    for (const step of loadRecording('smtp', name).steps) {
      for (const [file, entry] of Object.entries(step.changed ?? {})) {
        if (!file.includes('/Maildir/new/') || entry === null) continue;
        const message = contentOf(entry).toString('latin1');
        const found = lines.exec(message);
        assert.ok(found !== null, `${name} ${file}`);
        const [whole, pid, queued, remoteHost = '', helo, remoteInfo, remoteIp = '', local = '', received = ''] = found;
        const client = { remoteHost, helo, remoteInfo, remoteIp, local, protocol: 'SMTP' as const };
        const unixSeconds = parseQmailDate(received) ?? 0;
        const smtp = smtpReceivedLine({ ...client, unixSeconds });
        const queue = {
          pid: Number(pid),
          invokedBy: 'network' as const,
          unixSeconds: parseQmailDate(queued ?? '') ?? 0,
        };
        assert.equal(queueReceivedLine(queue) + smtp, whole, `${name} ${file}`);
        compared++;
      }
    }
  }
  assert.ok(compared >= 40, `${compared} compared`);
});
