// A server that says no, not now, nothing whole or nothing at all, at each stage of a session, in clear and with TLS: what each recipient's report is, and that nothing is sent that should not be.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makeAuthority } from '../../support/certificates.js';
import { newRoot, removeRoot } from '../../support/recording.js';
import { remoteHost } from '../../support/remote-host.js';
import { startSink } from '../../support/smtp-sink.js';

const folder = newRoot('vqmail-stages');
let pem: string;
before(() => {
  pem = makeAuthority(folder).issue('mx.remote.example');
});
after(() => removeRoot(folder));

type Stage = 'greeting' | 'EHLO' | 'HELO' | 'MAIL' | 'RCPT' | 'DATA' | '.' | 'QUIT';
type Outcome = 'success' | 'deferral' | 'failure';

/** What is said before the reply where a stage refuses: `IP` stands for the address. */
const refusals: Readonly<Record<Exclude<Stage, 'QUIT'>, string>> = {
  greeting: 'Connected to IP but greeting failed.\n',
  EHLO: 'Connected to IP but my name was rejected.\n',
  HELO: 'Connected to IP but my name was rejected.\n',
  MAIL: 'Connected to IP but sender was rejected.\n',
  RCPT: 'IP does not like recipient.\n',
  DATA: 'IP failed on DATA command.\n',
  '.': 'IP failed after I sent the message.\n',
};

/** How a refusal for good ends. */
const forGood: Readonly<Record<Stage, Outcome>> = {
  greeting: 'deferral',
  EHLO: 'success',
  HELO: 'deferral',
  MAIL: 'failure',
  RCPT: 'failure',
  DATA: 'failure',
  '.': 'failure',
  QUIT: 'success',
};

const stages = Object.keys(forGood) as Stage[];
const accepted = 'success: 127.0.0.1 accepted message.\nRemote host said: 250 ok\n';

function refused(stage: Stage, outcome: Outcome, reply: string): string {
  if (outcome === 'success' || stage === 'QUIT') return accepted;
  const end = stage === 'RCPT' ? 'Giving up on 127.0.0.1.\n' : '';
  return `${outcome}: ${refusals[stage].replace('IP', '127.0.0.1')}Remote host said: ${reply.replaceAll('\r', '')}${end}`;
}

/** A session with a server whose reply at a stage is this one; with TLS at a stage behind the handshake. */
async function sent(stage: Stage, reply: string, withTls: boolean): Promise<{ report: string; messages: number }> {
  const offers = `250-x\r\n250-8BITMIME\r\n250 ${withTls ? 'STARTTLS' : 'HELP'}\r\n`;
  const replies: Record<string, string | string[]> = { EHLO: offers };
  if (stage === 'EHLO') replies.EHLO = withTls ? [offers, reply] : reply;
  else if (stage === 'HELO')
    Object.assign(replies, { EHLO: withTls ? [offers, '500 what\r\n'] : '500 what\r\n', HELO: reply });
  else replies[stage] = reply;
  const sink = await startSink({ pem, replies, ...(stage === 'greeting' ? { greeting: reply } : {}) });
  const host = remoteHost({ smtproutes: `:127.0.0.1:${sink.port}${withTls ? '|||tls' : ''}\n`, timeoutremote: '20\n' });
  try {
    const [report] = await host.send({ recipients: ['r@remote.example'] });
    if (withTls && stage !== 'greeting') assert.notEqual(sink.sessions[0]?.tls, undefined);
    return { report: `${report?.outcome}: ${report?.text}`, messages: sink.messages().length };
  } finally {
    host.remove();
    await sink.stop();
  }
}

for (const withTls of [false, true]) {
  const how = withTls ? 'with TLS' : 'in clear';
  for (const stage of stages) {
    test(`${how}, ${stage}: refusals`, async () => {
      const wholes = ['0 5.7.1 no', '0-5.7.1 first\r\n5N0-5.7.1 second\r\n5N0 5.7.1 last'];
      for (const code of ['45', '42', '55', '52'])
        for (const whole of wholes) {
          const reply = `${code}${whole.replaceAll('5N', code)}\r\n`;
          const outcome = code.startsWith('5') ? forGood[stage] : stage === 'QUIT' ? 'success' : 'deferral';
          const { report, messages } = await sent(stage, reply, withTls);
          assert.equal(report, refused(stage, outcome, reply), reply);
          assert.equal(messages, outcome === 'success' || stage === '.' ? 1 : 0, 'the message was begun or not');
        }
    });

    test(`${how}, ${stage}: the connection ends instead of a reply, and in one`, async () => {
      const reply = '250-ok\r\n250 ok\r\n';
      const cuts = Array.from({ length: reply.length - 1 }, (_, i) => `CUT ${reply.slice(0, i + 1)}`);
      for (const end of ['DROP', ...cuts]) {
        const { report, messages } = await sent(stage, end, withTls);
        const critical = stage === '.' ? 'Possible duplicate! ' : '';
        const died = `deferral: Connected to 127.0.0.1 but connection died. ${critical}(#4.4.2)\n`;
        assert.equal(report, stage === 'QUIT' ? accepted : died, JSON.stringify(end));
        assert.equal(messages, stage === 'QUIT' || stage === '.' ? 1 : 0);
      }
    });
  }
}

test('a server that ends the connection at STARTTLS, or behind the handshake, gets the mail in clear', async () => {
  const offers = '250-x\r\n250-8BITMIME\r\n250 STARTTLS\r\n';
  const either: Record<string, string | string[]>[] = [
    { EHLO: offers, STARTTLS: 'DROP' },
    { EHLO: offers, STARTTLS: 'CUT 22' },
    { EHLO: [offers, 'DROP', offers] },
  ];
  for (const replies of either) {
    const sink = await startSink({ pem, replies });
    const host = remoteHost({ smtproutes: `:127.0.0.1:${sink.port}\n` });
    const [report] = await host.send({ recipients: ['r@remote.example'] });
    assert.equal(`${report?.outcome}: ${report?.text}`, accepted);
    assert.equal(sink.sessions.length, 2);
    assert.equal(sink.sessions[1]?.tls, undefined);
    host.control({ smtproutes: `:127.0.0.1:${sink.port}|||tls\n` });
    const [strict] = await host.send({ recipients: ['r@remote.example'] });
    if ('STARTTLS' in replies) assert.match(`${strict?.outcome}: ${strict?.text}`, /^deferral: .*connection died/);
    assert.equal(sink.messages().length, 'STARTTLS' in replies ? 1 : 2, 'required, it does not go in clear');
    assert.ok(
      sink.sessions
        .slice(2)
        .every(({ events, tls }) => tls !== undefined || !events.some(({ client }) => client?.startsWith('MAIL'))),
    );
    host.remove();
    await sink.stop();
  }
});
