import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMap } from '../../../src/formats/controls/control-file.js';
import { noRoute, parseRoute, routeFor, routeOfSender } from '../../../src/formats/controls/smtp-routes.js';

test('the value of a route', () => {
  const rows: readonly [value: string, relay: string, port: number, login: string, words: string][] = [
    ['relay.example', 'relay.example', 25, '', ''],
    ['relay.example:587', 'relay.example', 587, '', ''],
    ['relay.example:', 'relay.example', 0, '', ''],
    ['relay.example:smtp', 'relay.example', 0, '', ''],
    ['relay.example:26x', 'relay.example', 26, '', ''],
    ['relay.example:99999', 'relay.example', 0, '', ''],
    ['192.0.2.1:2525', '192.0.2.1', 2525, '', ''],
    ['[192.0.2.1]', '192.0.2.1', 25, '', ''],
    ['[192.0.2.1]:2525', '192.0.2.1', 2525, '', ''],
    ['[2001:db8::1]:2525', '2001:db8::1', 2525, '', ''],
    ['[IPv6:2001:db8::1]', '2001:db8::1', 25, '', ''],
    [':26', '', 26, '', ''],
    ['smart.example:587|me@example.jp|pa:ss w', 'smart.example', 587, 'me@example.jp pa:ss w', ''],
    ['smart.example|me|pw', 'smart.example', 25, 'me pw', ''],
    ['smart.example|me|pw|clear', 'smart.example', 25, 'me pw', 'clear'],
    ['|||TLS,8bit', '', 25, '', 'tls 8bit'],
    ['smart.example|||verify', 'smart.example', 25, '', 'verify'],
    ['smart.example|||unknown', 'smart.example', 25, '', ''],
  ];
  for (const [value, relay, port, login, words] of rows) {
    const route = parseRoute(value);
    assert.deepEqual(
      [
        route.relay,
        route.port,
        route.login ? `${route.login.user} ${route.login.password}` : '',
        [...route.words].join(' '),
      ],
      [relay, port, login, words],
      value,
    );
  }
});

test('which line decides', () => {
  const routes = parseMap(
    Buffer.from(
      'Exact.example:one\n.example:two\nmx.deep.example:\ntwice.example:old\ntwice.example:new\n#c.example:x\n',
    ),
  );
  const rows: readonly [domain: string, relay: string][] = [
    ['exact.EXAMPLE', 'one'],
    ['a.exact.example', 'two'],
    ['other.example', 'two'],
    ['example', ''],
    ['mx.deep.example', ''],
    ['a.mx.deep.example', 'two'],
    ['twice.example', 'new'],
    ['elsewhere.test', ''],
  ];
  for (const [domain, relay] of rows) assert.equal(routeFor(routes, domain).relay, relay, domain);
  const all = parseMap(Buffer.from(':smart:26\nmx.example:\n'));
  assert.equal(routeFor(all, 'any.test').relay, 'smart');
  assert.equal(routeFor(all, '').relay, 'smart');
  assert.equal(routeFor(all, 'mx.example'), noRoute);
  assert.equal(routeFor(parseMap(Buffer.from('[192.0.2.1]:lit\n')), '[192.0.2.1]').relay, 'lit');
});

test('routes by sender', () => {
  const routes = parseMap(Buffer.from('joe@example.jp:one|joe|pw\n@example.jp:two\n@none.example:\n'));
  assert.equal(routeOfSender(routes, 'Joe@example.jp')?.relay, 'one');
  assert.equal(routeOfSender(routes, 'ann@example.jp')?.relay, 'two');
  assert.equal(routeOfSender(routes, 'ann@none.example'), undefined);
  assert.equal(routeOfSender(routes, ''), undefined);
  assert.equal(routeOfSender(parseMap(Buffer.from(':all\n')), '')?.relay, 'all');
});
