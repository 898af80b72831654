// Outgoing mail and the mail servers of others: Postfix, Exim and OpenSMTPD take it, with and without TLS, refuse and defer at each stage, and what they pass on is what was sent.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeAuthority } from '../support/certificates.js';
import { needs, needsRoot } from '../support/needs.js';
import { type Receiver, receiverPrograms, startReceiver } from '../support/receivers.js';
import { newRoot, removeRoot } from '../support/recording.js';
import { type Mail, remoteHost } from '../support/remote-host.js';
import { type Sink, startSink } from '../support/smtp-sink.js';

const recipient = 'r@remote.example';
const message =
  'From: <a@b.example>\nTo: <r@remote.example>\nSubject: wire\nDate: Tue, 24 Nov 2026 09:00:00 +0000\nMessage-ID: <1@b.example>\n\n.dot\n..two\n.\n\xe9\xff 8-bit\nend\n';
const body = '..dot\r\n...two\r\n..\r\n\xe9\xff 8-bit\r\nend\r\n';

interface Refusal {
  readonly mail?: Partial<Mail>;
  readonly control?: Readonly<Record<string, string>>;
  readonly report: RegExp;
}

const ip = '127\\.0\\.0\\.1';
/** @param code how the code of the reply begins @param end what stands behind the reply */
const report = (outcome: string, text: string, code = outcome === 'failure' ? 5 : 4, end = ''): RegExp =>
  new RegExp(`^${outcome}: ${text.replace('IP', ip)}\\.\nRemote host said: ${code}\\d\\d [^]*${end}$`);
const givingUp = `Giving up on ${ip}\\.\n`;

/** What each server says no to, for good and for now. */
const refusals: Readonly<Record<string, Refusal>> = {
  'the greeting, for good': {
    control: { outgoingip: '127.0.0.21\n' },
    report: report('deferral', 'Connected to IP but greeting failed', 5),
  },
  'the greeting, for now': {
    control: { outgoingip: '127.0.0.22\n' },
    report: report('deferral', 'Connected to IP but greeting failed'),
  },
  'the name, for good': {
    control: { helohost: 'refuse-helo.example\n' },
    report: report('deferral', 'Connected to IP but my name was rejected', 5),
  },
  'the name, for now': {
    control: { helohost: 'defer-helo.example\n' },
    report: report('deferral', 'Connected to IP but my name was rejected'),
  },
  'MAIL, for good': {
    mail: { sender: 'refuse-mail@b.example' },
    report: report('failure', 'Connected to IP but sender was rejected'),
  },
  'MAIL, for now': {
    mail: { sender: 'defer-mail@b.example' },
    report: report('deferral', 'Connected to IP but sender was rejected'),
  },
  'RCPT, for good': {
    mail: { recipients: ['refused@remote.example'] },
    report: report('failure', 'IP does not like recipient', 5, givingUp),
  },
  'RCPT, for now': {
    mail: { recipients: ['deferred@remote.example'] },
    report: report('deferral', 'IP does not like recipient', 4, givingUp),
  },
  'DATA, for good': {
    mail: { sender: 'refuse-data@b.example' },
    report: report('failure', 'IP failed on DATA command'),
  },
  'DATA, for now': {
    mail: { sender: 'defer-data@b.example' },
    report: report('deferral', 'IP failed on DATA command'),
  },
  'the end of the message, for good': {
    mail: { sender: 'refuse-end@b.example' },
    report: report('failure', 'IP failed after I sent the message'),
  },
  'the end of the message, for now': {
    mail: { sender: 'defer-end@b.example' },
    report: report('deferral', 'IP failed after I sent the message'),
  },
};

for (const name of ['postfix', 'exim', 'opensmtpd'] as const) {
  for (const tls of ['in clear', 'with TLS'] as const) {
    test(`${name} takes our mail ${tls}`, async (t) => {
      if (!needsRoot(t) || !needs(t, ...receiverPrograms[name], 'openssl')) return;
      const folder = newRoot('vqmail-ca');
      const authority = makeAuthority(folder);
      const sink = await startSink({ replies: { EHLO: '250-sink\r\n250 8BITMIME\r\n' } });
      let receiver: Receiver | undefined;
      // OpenSMTPD says nothing for a while to some of many that come at once.
      const sessionsPerDestination = name === 'opensmtpd' ? 2 : 20;
      const host = remoteHost({ timeoutremote: '60\n' }, { limits: { sessionsPerDestination } });
      t.after(async () => {
        await receiver?.stop();
        await sink.stop();
        host.remove();
        removeRoot(folder);
      });
      // OpenSMTPD as Debian 12 has it offers TLS and fails every handshake: mail has to go in clear then.
      const isRequired = tls === 'with TLS' && name !== 'opensmtpd';
      const pem = tls === 'with TLS' ? { pem: authority.issue('localhost') } : {};
      receiver = await startReceiver(name, { sinkPort: sink.port, ...pem });
      host.control({ smtproutes: `:127.0.0.1:${receiver.port}${isRequired ? '|||tls' : ''}\n` });
      const shown = async (mail: Partial<Mail>): Promise<string[]> => {
        const reports = await host.send({ recipients: [recipient], message, ...mail });
        return reports.map(({ outcome, text }) => `${outcome}: ${text}`);
      };

      const accepted = /^success: 127\.0\.0\.1 accepted message\.\nRemote host said: 250 /;
      assert.match((await shown({}))[0] ?? '', accepted);
      await arrived(sink, 1, receiver);
      assert.ok(sink.messages()[0]?.endsWith(`\r\n\r\n${body}`), 'every byte of the body');

      for (const [stage, { mail = {}, control = {}, report }] of Object.entries(refusals)) {
        host.control({ outgoingip: '0.0.0.0\n', helohost: 'mail.example.gr.jp\n', ...control });
        assert.match((await shown(mail))[0] ?? '', report, `${name} ${stage}`);
      }
      assert.match((await shown({ sender: 'slow@b.example' }))[0] ?? '', accepted, 'a server that takes its time');

      const mixed = await shown({ recipients: ['1@remote.example', 'refused@remote.example', '3@remote.example'] });
      assert.match(mixed[0] ?? '', accepted);
      assert.match(mixed[1] ?? '', /^failure: 127\.0\.0\.1 does not like recipient/);
      assert.match(mixed[2] ?? '', accepted);

      const large = `${'x'.repeat(70)}\n`.repeat(40_000);
      assert.match((await shown({ message: `Subject: large\n\n${large}` }))[0] ?? '', accepted);
      const channel = host.channel();
      const many = await Promise.all(Array.from({ length: 40 }, () => host.send({ recipients: [recipient] }, channel)));
      assert.ok(many.flat().every(({ outcome }) => outcome === 'success'));
      await channel.close();

      if (tls === 'in clear') {
        host.control({ smtproutes: `:127.0.0.1:${receiver.port}|||tls\n` });
        assert.match(
          (await shown({}))[0] ?? '',
          /^deferral: .*TLS, which the route requires, was not achieved: it is not offered/,
        );
      } else if (isRequired) {
        const named = remoteHost(
          { smtproutes: `:localhost:${receiver.port}\n`, 'tlshosts/localhost.pem': authority.pem },
          {
            names: {
              exchangers: async () => ({ kind: 'none' }),
              addresses: async () => ({ kind: 'found', value: ['127.0.0.1'] }),
            },
          },
        );
        const [verified] = await named.send({ recipients: [recipient], message });
        assert.equal(verified?.outcome, 'success', verified?.text);
        named.remove();
      }
    });
  }
}

async function arrived(sink: Sink, count: number, receiver: Receiver): Promise<void> {
  for (let i = 0; i < 1000 && sink.messages().length < count; i++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(sink.messages().length >= count, receiver.log());
}
