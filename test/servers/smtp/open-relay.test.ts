// Nobody who may not relay gets mail to another host through this one: the tricks that relay tests have tried since the nineties, each as a whole session, on smtp and, without a login, on
// submission and smtps. A host relays when it accepts a message that is not for itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Flavour } from '../../../src/servers/smtp/admission.js';
import { oneCertificate } from '../../support/server-tls.js';
import type { SmtpClient } from '../../support/smtp-client.js';
import { stranger, type UserHost, userHost } from '../../support/user-host.js';

const mine = 'mailtest.example.jp';
const outside = 'MAIL FROM:<spam@evil.example>';
const to = (recipient: string): string[] => [outside, `RCPT TO:${recipient}`];

/** The lines before DATA. `victim@prey.example` is never to get anything. */
const tricks: readonly [name: string, lines: readonly string[]][] = [
  ['plainly', to('<victim@prey.example>')],
  ['null sender', ['MAIL FROM:<>', 'RCPT TO:<victim@prey.example>']],
  ['own-domain sender', [`MAIL FROM:<test@${mine}>`, 'RCPT TO:<victim@prey.example>']],
  ["this host's own name as the sender's", ['MAIL FROM:<spam@mail.example.gr.jp>', 'RCPT TO:<victim@prey.example>']],
  ['sender at localhost', ['MAIL FROM:<root@localhost>', 'RCPT TO:<victim@prey.example>']],
  ['sender without a domain', ['MAIL FROM:<postmaster>', 'RCPT TO:<victim@prey.example>']],
  ['sender at an address literal', ['MAIL FROM:<spam@[127.0.0.1]>', 'RCPT TO:<victim@prey.example>']],
  ['sender in trust of AUTH=', [`MAIL FROM:<test@${mine}> AUTH=test@${mine}`, 'RCPT TO:<victim@prey.example>']],
  ['no sender at all', ['MAIL', 'RCPT TO:<victim@prey.example>']],
  ['percent hack', to(`<victim%prey.example@${mine}>`)],
  ['percent hack twice', to(`<victim%prey.example%${mine}@${mine}>`)],
  ['percent hack without a domain', to('<victim%prey.example>')],
  ['percent hack at an address literal', to('<victim%prey.example@[127.0.0.1]>')],
  ['percent hack in quotes', to(`<"victim%prey.example"@${mine}>`)],
  ['quoted address', to('<"victim@prey.example">')],
  ['quoted address as a local part', to(`<"victim@prey.example"@${mine}>`)],
  ['two at signs', to(`<victim@prey.example@${mine}>`)],
  ['two at signs, the other way', to(`<victim@${mine}@prey.example>`)],
  ['escaped at sign', to(`<victim\\@prey.example@${mine}>`)],
  ['bang path', to('<prey.example!victim>')],
  ['bang path in our domain', to(`<prey.example!victim@${mine}>`)],
  ['bang path through us', to(`<${mine}!prey.example!victim>`)],
  ['source route', to(`<@${mine}:victim@prey.example>`)],
  ['source route of several', to(`<@${mine},@mail.example.gr.jp:victim@prey.example>`)],
  ['source route back to us', to(`<@prey.example:victim%prey.example@${mine}>`)],
  ['source route without an end', to(`<@${mine}>`)],
  ['address literal', to('<victim@[192.0.2.99]>')],
  ['our own address literal', to('<victim@[127.0.0.1]>')],
  ['IPv6 literal', to('<victim@[IPv6:2001:db8::99]>')],
  ['a domain that ends like ours', to(`<victim@prey-${mine}>`)],
  ['a domain that begins like ours', to(`<victim@${mine}.prey.example>`)],
  ['a domain below ours', to(`<victim@prey.${mine}>`)],
  ['our domain with a dot', to(`<victim%prey.example@${mine}.>`)],
  ['an empty domain', to('<victim@prey.example@>')],
  ['no brackets', to('victim@prey.example')],
  ['no end bracket', to('<victim@prey.example')],
  ['one bracket too many', to(`<<victim@prey.example>>`)],
  ['a comment', to(`<victim@prey.example(@${mine})>`)],
  ['two addresses', to(`<victim@prey.example> <test@${mine}>`)],
  ['a list of addresses', to(`<test@${mine},victim@prey.example>`)],
  ['a blank before our domain', to(`<victim@prey.example @${mine}>`)],
  ['a NUL before our domain', to(`<victim@prey.example\0@${mine}>`)],
  ['a CR before our domain', to(`<victim@prey.example\r@${mine}>`)],
  ['8 bit', to(`<victim@prey.example\xa0@${mine}>`)],
  ['ORCPT names us', to(`<victim@prey.example> ORCPT=rfc822;test@${mine}`)],
  ['beside a recipient of ours', [...to(`<test@${mine}>`), 'RCPT TO:<victim@prey.example>']],
  ['HELO as one of us', [`HELO ${mine}`, ...to('<victim@prey.example>')]],
  ['HELO as the host itself', ['EHLO [127.0.0.1]', ...to('<victim@prey.example>')]],
  ['a wrong login before', ['EHLO x', 'AUTH PLAIN AHRlc3QAd3Jvbmc=', ...to('<victim@prey.example>')]],
  ['a login that is broken off', ['EHLO x', 'AUTH LOGIN', '*', ...to('<victim@prey.example>')]],
  ['in the name of a front end', ['XCLIENT ADDR=127.0.0.1 LOGIN=test', ...to('<victim@prey.example>')]],
  ['forwarded for somebody', ['XFORWARD ADDR=127.0.0.1', ...to('<victim@prey.example>')]],
  ['behind another transaction', [...to(`<test@${mine}>`), 'RSET', ...to('<victim@prey.example>')]],
];

/** Goes through with it as far as the server lets. */
async function tryTrick(client: SmtpClient, lines: readonly string[]): Promise<void> {
  for (const line of lines) {
    const reply = (await client.command(line)) ?? 'closed';
    if (reply.startsWith('334') && !line.startsWith('AUTH')) return;
  }
  if (!(await client.command('DATA'))?.startsWith('354')) return;
  await client.command('Subject: relayed\r\n\r\nbuy\r\n.');
}

function relayed({ messages }: UserHost): readonly string[] {
  // The empty recipient is one of this host's own name, as it is to qmail.
  return messages
    .flatMap(({ recipients }) => recipients)
    .filter((recipient) => ![`test@${mine}`, ''].includes(recipient));
}

const places: readonly [where: string, flavour: Flavour, isSecured: boolean][] = [
  ['smtp', 'smtp', false],
  ['smtp behind STARTTLS', 'smtp', true],
  ['submission', 'submission', false],
  ['submission behind STARTTLS', 'submission', true],
  ['smtps', 'smtps', false],
];

const hosts: readonly [why: string, controls: Readonly<Record<string, string>>][] = [
  ['a host as it is', {}],
  // qmail itself relays here: the domain is in rcpthosts too, and qmail-send unfolds what qmail-smtpd let in.
  ['a host with the percent hack', { percenthack: `${mine}\nmail.example.gr.jp\n`, localiphost: `${mine}\n` }],
  ['a host that knows its address literals', { localiphost: 'mail.example.gr.jp\n', locals: 'mail.example.gr.jp\n' }],
];

for (const [why, controls] of hosts) {
  const isUsual = Object.keys(controls).length === 0;
  for (const [where, flavour, isSecured] of places.filter(([where]) => isUsual || !where.includes('S'))) {
    test(`${why}: no trick relays on ${where}`, async (t) => {
      const host = await userHost(t, { flavour, tls: await oneCertificate() });
      for (const [name, text] of Object.entries(controls)) host.control(name, text);
      for (const [name, lines] of tricks) {
        const client = await host.greeted(stranger);
        if (isSecured) {
          await client.command('STARTTLS');
          await client.secure();
        }
        await tryTrick(client, lines);
        client.destroy();
        assert.deepEqual(relayed(host), [], name);
      }
      const got = host.messages.length;
      if (flavour === 'smtp') assert.ok(got >= 1, 'mail for this host is taken');
      else assert.equal(got, 0, 'without a login nothing is');
    });
  }
}

test('a client that may relay may do so on smtp, and on submission has to log in all the same', async (t) => {
  for (const [flavour, want] of [
    ['smtp', ['victim@prey.example']],
    ['submission', []],
  ] as const) {
    const host = await userHost(t, { flavour });
    host.rules('192.0.2.:allow,RELAYCLIENT=""\n:allow');
    await tryTrick(await host.greeted(stranger), to('<victim@prey.example>'));
    assert.deepEqual(relayed(host), want, flavour);
  }
});

const rules =
  '192.0.2.:allow,RELAYCLIENT=""\n2001:db8:77::allow,RELAYCLIENT=""\n2001:db8::5:allow,RELAYCLIENT=""\n:allow\n';
const networks: readonly [address: string, mayRelay: boolean][] = [
  ['192.0.2.200', true],
  ['192.0.20.1', false],
  ['2001:db8:77::9', true],
  ['2001:db8:77:1:2:3:4:5', true],
  ['2001:db8:78::9', false],
  ['2001:db8::5', true],
  ['2001:db8::50', false],
  ['::1', false],
];

for (const [remoteIp, mayRelay] of networks) {
  test(`access rules: ${remoteIp} may ${mayRelay ? '' : 'not '}relay`, async (t) => {
    const host = await userHost(t, { flavour: 'smtp' });
    host.rules(rules);
    await tryTrick(await host.greeted({ remoteIp, localIp: '2001:db8::1' }), to('<victim@prey.example>'));
    assert.deepEqual(relayed(host), mayRelay ? ['victim@prey.example'] : []);
  });
}
