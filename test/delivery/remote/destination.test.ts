// Which addresses are tried, asked of a name server of the test's own.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type DestinationSearch, findDestination } from '../../../src/delivery/remote/destination.js';
import { dnsNames, literalAddress } from '../../../src/delivery/remote/names.js';
import { noRoute, parseRoute } from '../../../src/formats/controls/smtp-routes.js';
import { type NameServer, startNameServer, type Zone } from '../../support/dns-server.js';

const long = 'a-rather-long-name-so-that-the-answer-does-not-fit.example';
const zone: Zone = {
  'two.example': {
    MX: [
      [20, 'b.example'],
      [10, 'a.example'],
    ],
  },
  'a.example': { A: ['192.0.2.1', '192.0.2.2'], AAAA: ['2001:db8::1'] },
  'b.example': { A: ['192.0.2.3'] },
  'six.example': { AAAA: ['2001:db8::6'] },
  'equal.example': {
    MX: [
      [5, 'a.example'],
      [5, 'b.example'],
      [5, 'six.example'],
    ],
  },
  'plain.example': { A: ['192.0.2.9'] },
  'empty.example': {},
  'alias.example': { CNAME: 'two.example' },
  'mxalias.example': { MX: [[1, 'wwwalias.example']] },
  'wwwalias.example': { CNAME: 'plain.example' },
  'null.example': { MX: [[0, '.']], A: ['192.0.2.66'] },
  'nullplus.example': {
    MX: [
      [0, '.'],
      [5, 'b.example'],
    ],
  },
  'literal.example': { MX: [[1, '192.0.2.77']] },
  'dead.example': { MX: [[1, 'gone.example']], A: ['192.0.2.66'] },
  'half.example': {
    MX: [
      [1, 'gone.example'],
      [2, 'b.example'],
    ],
  },
  'slow.example': 'SERVFAIL',
  'no.example': 'REFUSED',
  'softmx.example': { MX: [[1, 'slow.example']] },
  'softhalf.example': {
    MX: [
      [1, 'slow.example'],
      [2, 'b.example'],
    ],
  },
  'self.example': { MX: [[1, 'own.example']] },
  'own.example': { A: ['192.0.2.100'] },
  'backup.example': {
    MX: [
      [10, 'b.example'],
      [20, 'own.example'],
      [20, 'a.example'],
      [30, 'plain.example'],
    ],
  },
  'ownfirst.example': {
    MX: [
      [10, 'own.example'],
      [20, 'b.example'],
    ],
  },
  'xn--mller-kva.example': { A: ['192.0.2.44'] },
  'many.example': { MX: Array.from({ length: 12 }, (_, i): [number, string] => [i, `m${i}.${long}`]) },
  ...Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`m${i}.${long}`, { A: [`192.0.2.${i + 1}`] }])),
};

let server: NameServer;
let search: DestinationSearch;
before(async () => {
  server = await startNameServer(zone);
  search = { names: dnsNames([server.address]), isOwnAddress: (ip) => ip === '192.0.2.100', random: () => 0.999 };
});
after(() => server.stop());

const rows: readonly [why: string, domain: string, route: string, want: string][] = [
  ['by rising preference, IPv4 before IPv6', 'two.example', '', '192.0.2.1 192.0.2.2 2001:db8::1 192.0.2.3'],
  ['no MX: the addresses of the domain', 'plain.example', '', '192.0.2.9'],
  ['only IPv6', 'six.example', '', '2001:db8::6'],
  ['the domain is an alias', 'alias.example', '', '192.0.2.1 192.0.2.2 2001:db8::1 192.0.2.3'],
  ['the MX host is an alias, which is not allowed, and common', 'mxalias.example', '', '192.0.2.9'],
  ['upper case and a dot at the end', 'PLAIN.Example.', '', '192.0.2.9'],
  ['a null MX is refused, whatever addresses there are', 'null.example', '', 'D5.4.4'],
  ['a null MX among others counts for nothing', 'nullplus.example', '', '192.0.2.3'],
  ['an address as MX', 'literal.example', '', '192.0.2.77'],
  ['MX hosts that are not there: refused, the domain has said who takes its mail', 'dead.example', '', 'D5.4.4'],
  ['one of them is there', 'half.example', '', '192.0.2.3'],
  ['no such domain', 'nothere.example', '', 'D5.1.2'],
  ['a domain without anything', 'empty.example', '', 'D5.1.2'],
  ['a name that cannot be one', 'a..example', '', 'D5.1.2'],
  ['no name', '', '', 'D5.1.2'],
  ['a blank in it', 'a b.example', '', 'D5.1.2'],
  ['a label too long', `${'x'.repeat(64)}.example`, '', 'D5.1.2'],
  ['servers that fail: later', 'slow.example', '', 'Z4.1.2'],
  ['servers that refuse: later', 'no.example', '', 'Z4.1.2'],
  ['an MX host that cannot be found now: later', 'softmx.example', '', 'Z4.1.2'],
  ['another one can', 'softhalf.example', '', '192.0.2.3'],
  ['only we ourselves', 'self.example', '', 'D5.4.6'],
  ['we are the second: only what is better', 'backup.example', '', '192.0.2.3'],
  ['we are the first, so nobody is better', 'ownfirst.example', '', 'D5.4.6'],
  ['a domain in UTF-8', Buffer.from('müller.example').toString('latin1'), '', '192.0.2.44'],
  ['an answer that needs TCP', 'many.example', '', Array.from({ length: 12 }, (_, i) => `192.0.2.${i + 1}`).join(' ')],
  ['an address', '[192.0.2.5]', '', '192.0.2.5'],
  ['an address without brackets', '192.0.2.5', '', '192.0.2.5'],
  ['an IPv6 address', '[IPv6:2001:db8::5]', '', '2001:db8::5'],
  ['our own address', '[192.0.2.100]', '', 'D5.4.6'],
  ['a relay: its addresses, not its MX hosts', 'x.example', 'a.example', '192.0.2.1 192.0.2.2 2001:db8::1'],
  ['a relay by address', 'x.example', '192.0.2.8', '192.0.2.8'],
  ['a relay by address in brackets', 'x.example', '[192.0.2.8]:26', '192.0.2.8'],
  ['a relay by IPv6 address', 'x.example', '[2001:db8::8]:26', '2001:db8::8'],
  ['this host is its own relay', 'x.example', '192.0.2.100', '192.0.2.100'],
  ['a relay that has no address is our trouble: later', 'x.example', 'nothere.example', 'Z4.1.2'],
  ['a relay that cannot be found now', 'x.example', 'slow.example', 'Z4.1.2'],
  ['an empty relay with a port: MX', 'plain.example', ':26', '192.0.2.9'],
];

for (const [why, domain, route, want] of rows) {
  test(`${domain} ${route}: ${why}`, async () => {
    const found = await findDestination(search, domain, route === '' ? noRoute : parseRoute(route));
    const shown =
      'report' in found
        ? `${found.report.letter}${/\(#([\d.]+)\)/.exec(found.report.text)?.[1]}`
        : found.targets.map(({ ip }) => ip).join(' ');
    assert.equal(shown, want);
  });
}

test('equal preferences come in every order', async () => {
  const orders = new Set<string>();
  let seed = 1;
  const random = (): number => {
    seed = (seed * 16807) % 2147483647;
    return seed / 2147483647;
  };
  for (let i = 0; i < 100; i++) {
    const found = await findDestination({ ...search, random }, 'equal.example', noRoute);
    assert.ok('targets' in found);
    orders.add(found.targets.map(({ host }) => host.charAt(0)).join(''));
  }
  assert.deepEqual([...orders].sort(), ['aaabs', 'aaasb', 'baaas', 'bsaaa', 'saaab', 'sbaaa']);
});

test('a server that is silent makes mail wait', async () => {
  const silent = await startNameServer({ 'x.example': 'SILENT' });
  const names = dnsNames([silent.address], { timeout: 100, tries: 2 });
  assert.deepEqual(await names.exchangers('x.example'), { kind: 'later' });
  await silent.stop();
});

test('literalAddress', () => {
  for (const [domain, ip] of [
    ['192.0.2.5', '192.0.2.5'],
    ['[192.0.2.5]', '192.0.2.5'],
    ['[::1]', '::1'],
    ['[IPv6:::1]', '::1'],
    ['[ipv6:2001:db8::1]', '2001:db8::1'],
    ['192.0.2', undefined],
    ['[192.0.2.5', undefined],
    ['2001:db8::1', undefined],
    ['[mail.example]', undefined],
  ] as const)
    assert.equal(literalAddress(domain), ip, domain);
});
