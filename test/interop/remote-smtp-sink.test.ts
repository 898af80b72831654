// Outgoing mail and Postfix's smtp-sink: refusals for good and for now and broken connections at each stage, with and without ESMTP and pipelining, slow answers.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { needs, programPath } from '../support/needs.js';
import { freePort, waitForPort } from '../support/ports.js';
import { remoteHost } from '../support/remote-host.js';

const recipient = 'r@remote.example';
const died = /^deferral: Connected to 127\.0\.0\.1 but connection died\. \(#4\.4\.2\)\n$/;
const maybeTwice = /^deferral: Connected to 127\.0\.0\.1 but connection died\. Possible duplicate! \(#4\.4\.2\)\n$/;
const accepted = /^success: 127\.0\.0\.1 accepted message\.\nRemote host said: 250 /;

const said = (fate: string, text: string, code: number): RegExp =>
  new RegExp(`^${fate}: ${text}\\.\\nRemote host said: ${code} `);
const senderRejected = 'Connected to 127\\.0\\.0\\.1 but sender was rejected';
const recipientRejected = '127\\.0\\.0\\.1 does not like recipient';
const dataFailed = '127\\.0\\.0\\.1 failed on DATA command';
const messageFailed = '127\\.0\\.0\\.1 failed after I sent the message';
const greetingFailed = 'Connected to 127\\.0\\.0\\.1 but greeting failed';

/** Options of smtp-sink and what is reported. */
const rows: readonly [options: string, report: RegExp][] = [
  ['', accepted],
  ['-e', accepted],
  ['-p', accepted],
  ['-8', accepted],
  ['-q connect', died],
  ['-q ehlo', died],
  ['-q mail', died],
  ['-q rcpt', died],
  ['-q data', died],
  ['-q .', maybeTwice],
  ['-e -q helo', died],
  ['-r mail', said('deferral', senderRejected, 450)],
  ['-f mail', said('failure', senderRejected, 500)],
  ['-r rcpt', said('deferral', recipientRejected, 450)],
  ['-f rcpt', said('failure', recipientRejected, 500)],
  ['-p -f rcpt', said('failure', recipientRejected, 500)],
  ['-r data', said('deferral', dataFailed, 450)],
  ['-f data', said('failure', dataFailed, 500)],
  ['-r .', said('deferral', messageFailed, 450)],
  ['-f .', said('failure', messageFailed, 500)],
  ['-f connect', said('deferral', greetingFailed, 500)],
  ['-f ehlo', accepted],
  ['-w 1', accepted],
];

for (const [options, report] of rows) {
  test(`smtp-sink ${options}`, async (t) => {
    if (!needs(t, 'smtp-sink')) return;
    const port = await freePort();
    const sink = await startSmtpSink(options, port);
    const host = remoteHost({ smtproutes: `:127.0.0.1:${port}\n`, timeoutremote: '30\n' });
    t.after(async () => {
      host.remove();
      await stop(sink);
    });
    const [one] = await host.send({ recipients: [recipient] });
    assert.match(`${one?.outcome}: ${one?.text}`, report);
  });
}

test('smtp-sink takes a thousand messages over a few sessions', async (t) => {
  if (!needs(t, 'smtp-sink')) return;
  const port = await freePort();
  const sink = await startSmtpSink('', port);
  const host = remoteHost({ smtproutes: `:127.0.0.1:${port}\n` });
  t.after(async () => {
    host.remove();
    await stop(sink);
  });
  const channel = host.channel();
  const sent = await Promise.all(Array.from({ length: 1000 }, () => host.send({ recipients: [recipient] }, channel)));
  assert.ok(sent.flat().every(({ outcome }) => outcome === 'success'));
  await channel.close();
});

async function startSmtpSink(options: string, port: number): Promise<ChildProcess> {
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  const words = options === '' ? [] : options.split(' ');
  const sink = spawn(programPath('smtp-sink') ?? 'smtp-sink', [...user, ...words, `127.0.0.1:${port}`, '100'], {
    stdio: 'ignore',
  });
  await waitForPort(port, () => 'smtp-sink');
  return sink;
}

async function stop(sink: ChildProcess): Promise<void> {
  if (sink.exitCode !== null || sink.signalCode !== null) return;
  const ended = once(sink, 'exit');
  sink.kill('SIGTERM');
  await ended;
}
