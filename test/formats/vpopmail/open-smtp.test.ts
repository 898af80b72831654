import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  hasClient,
  openSmtpText,
  parseOpenSmtp,
  relayAddress,
  relayRules,
  serializeOpenSmtp,
  withLogin,
  withoutExpired,
} from '../../../src/formats/vpopmail/open-smtp.js';
import { contentOf, loadRecording } from '../../support/recording.js';

const openSmtp = '/home/vpopmail/etc/open-smtp';

test('open-smtp: what clearopensmtp keeps, as recorded', () => {
  let before: Buffer = Buffer.alloc(0);
  let compared = 0;
  for (const step of loadRecording('vpopmail', 'clearopensmtp').steps) {
    const written = step.write?.[openSmtp];
    if (written !== undefined && written !== null)
      before = contentOf(typeof written === 'string' ? { text: written } : written);
    const after = step.changed?.[openSmtp];
    if (step.run === undefined || !after) continue;
    const kept = withoutExpired(parseOpenSmtp(before), 1_795_500_000);
    assert.equal(serializeOpenSmtp(kept).toString(), contentOf(after).toString());
    before = contentOf(after);
    compared++;
  }
  assert.ok(compared >= 1);
});

test('open-smtp: a login moves the address to the end', () => {
  const lines = (...addresses: string[]): string =>
    addresses.map((address) => `${openSmtpText(address, 5)}\n`).join('');
  const document = parseOpenSmtp(Buffer.from(lines('192.0.2.1', '192.0.2.2', '192.0.2.1').slice(0, -1)));
  assert.ok(hasClient(document, '192.0.2.1'));
  assert.ok(!hasClient(document, '192.0.2'));
  const after = withLogin(document, '192.0.2.2', 9);
  assert.equal(
    serializeOpenSmtp(after).toString(),
    `${lines('192.0.2.1', '192.0.2.1')}${openSmtpText('192.0.2.2', 9)}\n`,
    'and a missing LF is added',
  );
  const six = withLogin(withLogin(after, '2001:db8::1', 9), '2001:db8::2', 9);
  assert.equal(six.lines.length, 5, 'IPv6 addresses differ after their first colon');
  assert.equal(relayRules(withLogin({ lines: [] }, '::1', 9)), '::1:allow,RELAYCLIENT="",RBLSMTPD=""\n');
});

test('open-smtp: the address that a rule names is never empty', () => {
  const rows: [ip: string, address: string | undefined, why: string][] = [
    ['192.0.2.7', '192.0.2.7', 'IPv4'],
    ['::ffff:192.0.2.7', '192.0.2.7', 'mapped'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1', "IPv6 in ucspi-tcp's short form"],
    ['::1', '::1', 'vchkpw makes a rule for the whole world of it'],
    ['', undefined, 'nothing'],
    ['192.0.2.', undefined, 'a prefix would let a whole network relay'],
    ['mail.example', undefined, 'a name'],
    ['1.2.3.4:allow', undefined, 'a rule'],
  ];
  for (const [ip, address, why] of rows) assert.equal(relayAddress(ip), address, why);
});

test('property: written back as read, whatever stands in the file', () => {
  const unit = fc.constantFrom('192.0.2.1', ':allow', ' ', '\t', '\n', '\r', '0', '#', 'a', '\xff', '\0');
  const file = fc.array(unit).map((parts) => Buffer.from(parts.join(''), 'latin1'));
  fc.assert(
    fc.property(file, (bytes) => {
      assert.deepEqual(serializeOpenSmtp(parseOpenSmtp(bytes)), bytes);
      withLogin(parseOpenSmtp(bytes), '192.0.2.1', 1);
    }),
  );
});
