import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { edited, editText } from '../../../migrate/cutover/edits.js';

const master =
  '# services\nsmtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n  -o a=b\nsmtps inet n - y - - smtpd\n';
const lines = 'submission inet n - y - - smtpd\n  -o a=b';

describe('edits of a front end that goes on', () => {
  it('make lines comments and lines again, each as often as one likes', () => {
    const off = edited(master, { lines, isOn: false }) ?? '';
    assert.equal(
      off,
      '# services\nsmtp inet n - y - - smtpd\n#submission inet n - y - - smtpd\n#  -o a=b\nsmtps inet n - y - - smtpd\n',
    );
    assert.equal(edited(off, { lines, isOn: false }), off);
    assert.equal(edited(off, { lines, isOn: true }), master);
    assert.equal(edited(master, { lines, isOn: true }), master);
    assert.equal(edited(master, { lines: 'submission inet n', isOn: false }), undefined);
  });

  const pop3 = { setting: 'protocols', word: 'pop3' };
  const imap = { setting: 'protocols', word: 'imap' };

  it('take a word out of a setting and put it back, byte for byte', () => {
    const text = '#protocols = lmtp\nprotocols=  "imap" pop3 # both\nlisten = *\n';
    const off = edited(text, { ...pop3, isOn: false }) ?? '';
    const kept = '#before vqmail: protocols=  "imap" pop3 # both\n';
    assert.equal(off, `#protocols = lmtp\n${kept}protocols = imap\nlisten = *\n`);
    assert.equal(edited(off, { ...pop3, isOn: false }), off);
    const none = edited(off, { ...imap, isOn: false }) ?? '';
    assert.match(none, /^protocols =$/m);
    const half = edited(none, { ...pop3, isOn: true }) ?? '';
    assert.equal(half, `#protocols = lmtp\n${kept}protocols = pop3\nlisten = *\n`);
    assert.equal(edited(half, { ...imap, isOn: true }), text);
    assert.equal(edited(text, { ...pop3, isOn: true }), text);
  });

  it('leave what came into the setting meanwhile', () => {
    const off = edited('protocols = imap pop3\n', { ...pop3, isOn: false }) ?? '';
    const more = off.replace('protocols = imap\n', 'protocols = imap lmtp\n');
    assert.match(edited(more, { ...pop3, isOn: true }) ?? '', /^protocols = imap pop3 lmtp$/m);
    assert.match(edited('protocols = imap\n', { ...pop3, isOn: true }) ?? '', /^protocols = imap pop3$/m);
  });

  it('say the setting at the end, where what is included had it, and take that out again', () => {
    for (const text of ['!include_try protocols.d/*\n', 'listen = *', '']) {
      const included = ['imap', 'pop3', 'lmtp'];
      const off = edited(text, { ...pop3, isOn: false, included }) ?? '';
      assert.ok(off.startsWith(text) && /^protocols = imap lmtp$/m.test(off), off);
      assert.equal(edited(off, { ...pop3, isOn: false, included }), off);
      const none = edited(off, { ...imap, isOn: false }) ?? '';
      assert.match(none, /^protocols = lmtp$/m);
      const half = edited(none, { ...pop3, isOn: true, included }) ?? '';
      assert.match(half, /^protocols = pop3 lmtp$/m);
      assert.equal(edited(half, { ...imap, isOn: true }), text);
      assert.equal(edited(text, { ...pop3, isOn: true, included }), text);
    }
  });

  it('give up where the setting is gone', () => {
    assert.equal(edited('listen = *\n', { ...pop3, isOn: false }), undefined);
    const off = edited('protocols = imap pop3\n', { ...pop3, isOn: false }) ?? '';
    assert.equal(edited(off.replace(/^protocols.*\n/m, ''), { ...pop3, isOn: true }), undefined);
  });

  it('are told in words', () => {
    assert.equal(
      editText({ lines, isOn: false }, '/etc/postfix/master.cf'),
      "comment out 'submission inet n - y - - smtpd' in /etc/postfix/master.cf",
    );
    assert.equal(
      editText({ setting: 'protocols', word: 'pop3', isOn: true }, '/etc/dovecot/dovecot.conf'),
      "put pop3 into 'protocols =' in /etc/dovecot/dovecot.conf",
    );
  });
});
