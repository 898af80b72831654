import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bounceFor,
  bounceHead,
  bounceMiddle,
  bounceParagraph,
  withoutPrefix,
} from '../../../src/formats/queue/queue-bounce.js';
import { verpSender } from '../../../src/formats/queue/queue-verp.js';

const identity = {
  bounceFrom: 'MAILER-DAEMON',
  bounceHost: 'mail.example.jp',
  doubleBounceTo: 'postmaster',
  doubleBounceHost: 'example.jp',
};

const senders: readonly { why: string; sender: string; is: ReturnType<typeof bounceFor> }[] = [
  { why: 'a sender', sender: 'a@b', is: { kind: 'single', sender: '', recipient: 'a@b', returnPath: 'a@b' } },
  { why: 'a list', sender: 'o-@h-@[]', is: { kind: 'single', sender: '', recipient: 'o-@h', returnPath: 'o-@h' } },
  {
    why: 'a bounce',
    sender: '',
    is: { kind: 'double', sender: '#@[]', recipient: 'postmaster@example.jp', returnPath: '' },
  },
  { why: 'a double bounce', sender: '#@[]', is: undefined },
  {
    why: 'nothing but the end of a list',
    sender: '-@[]',
    is: { kind: 'double', sender: '#@[]', recipient: 'postmaster@example.jp', returnPath: '' },
  },
];
for (const { why, sender, is } of senders) {
  test(`who is told: ${why}`, () => assert.deepEqual(bounceFor(sender, identity), is));
}

test('names are quoted where they must be', () => {
  const bounce = bounceFor('a b@c', identity);
  assert.ok(bounce);
  const head = bounceHead(bounce, { ...identity, bounceFrom: 'Bounce Robot' }, 0).toString('latin1');
  assert.match(head, /^Date: 1 Jan 1970 00:00:00 -0000\nFrom: "Bounce Robot"@mail\.example\.jp\nTo: "a b"@c\nSubject/);
  assert.match(bounceMiddle(bounce).toString('latin1'), /\n\nReturn-Path: <"a b"@c>\n$/);
});

const none: ReadonlyMap<string, string> = new Map();
const reports: readonly { why: string; report: string; is: string }[] = [
  { why: 'one line', report: 'no\n', is: '<a@b>:\nno\n\n' },
  { why: 'a line without end gets one', report: 'no', is: '<a@b>:\nno\n\n' },
  { why: 'nothing', report: '', is: '<a@b>:\n\n' },
  { why: 'an empty line would end the paragraph', report: 'one\n\ntwo\n', is: '<a@b>:\none\n/two\n\n' },
  { why: 'several', report: 'one\n\n\ntwo', is: '<a@b>:\none\n//two\n\n' },
  { why: 'an empty first line', report: '\none\n', is: '<a@b>:\n/one\n\n' },
  { why: 'the last line feed stays, as in qmail-send', report: 'one\n\n', is: '<a@b>:\none\n\n\n' },
];
for (const { why, report, is } of reports) {
  test(`a paragraph: ${why}`, () => assert.equal(bounceParagraph('a@b', report, none).toString('latin1'), is));
}

test('a line feed in a sender is quoted where the message is copied', () => {
  const bounce = bounceFor('a\nb@c', identity);
  assert.ok(bounce);
  assert.match(bounceMiddle(bounce).toString('latin1'), /\n\nReturn-Path: <"a\\\nb"@c>\n$/);
});

test('a line feed in an address is shown', () => {
  assert.equal(bounceParagraph('a\nb@c', 'x', none).toString('latin1'), '<a_b@c>:\nx\n\n');
});

const domains = new Map([
  ['virt.example', 'joe'],
  ['one@user.example', 'ann'],
  ['.wild.example', 'wild'],
  ['exc.wild.example', ''],
  ['', 'alias-catch'],
]);
const prefixes: readonly { why: string; address: string; is: string }[] = [
  { why: 'its prefix is cut off', address: 'joe-info@virt.example', is: 'info@virt.example' },
  { why: 'the domain in another case', address: 'joe-info@VIRT.example', is: 'info@VIRT.example' },
  { why: 'the prefix in another case is another one', address: 'Joe-info@virt.example', is: 'Joe-info@virt.example' },
  { why: 'another prefix', address: 'max-info@virt.example', is: 'max-info@virt.example' },
  { why: 'a wildcard', address: 'wild-x@a.wild.example', is: 'x@a.wild.example' },
  { why: 'an exception', address: 'wild-x@exc.wild.example', is: 'wild-x@exc.wild.example' },
  { why: 'entries of one address do not count', address: 'ann-one@user.example', is: 'ann-one@user.example' },
  { why: 'everything else', address: 'alias-catch-z@nowhere.example', is: 'z@nowhere.example' },
];
for (const { why, address, is } of prefixes) {
  test(`as its sender wrote it: ${why}`, () => assert.equal(withoutPrefix(address, domains), is));
}

const verps: readonly { why: string; sender: string; recipient: string; is: string }[] = [
  { why: 'an address of its own', sender: 'l-@h-@[]', recipient: 'b@d', is: 'l-b=d@h' },
  {
    why: 'with the prefix of the virtual domain',
    sender: 'L-@test.example-@[]',
    recipient: 'joe-v-who@v.example',
    is: 'L-joe-v-who=v.example@test.example',
  },
  { why: 'a plain sender', sender: 'a@b', recipient: 'c@d', is: 'a@b' },
  { why: 'a double bounce', sender: '#@[]', recipient: 'c@d', is: '#@[]' },
  { why: 'no host', sender: 'list-@[]', recipient: 'c@d', is: 'list-@[]' },
  { why: 'a recipient without host', sender: 'l-@h-@[]', recipient: 'c', is: 'l-@h-@[]' },
  { why: 'two at signs', sender: 'a@b-@h-@[]', recipient: 'c@x@d', is: 'a@b-c@x=d@h' },
];
for (const { why, sender, recipient, is } of verps) {
  test(`VERP: ${why}`, () => assert.equal(verpSender(sender, recipient), is));
}
