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

  it('take a word out of a setting and put it back, whatever came out meanwhile', () => {
    const pop3 = { setting: 'protocols', word: 'pop3' };
    const imap = { setting: 'protocols', word: 'imap' };
    const text = '#protocols = lmtp\nprotocols =  imap pop3\nlisten = *\n';
    const off = edited(text, { ...pop3, isOn: false }) ?? '';
    assert.equal(off, '#protocols = lmtp\nprotocols = imap\nlisten = *\n');
    const none = edited(off, { ...imap, isOn: false }) ?? '';
    assert.match(none, /^protocols =$/m);
    assert.match(edited(none, { ...pop3, isOn: true }) ?? '', /^protocols = pop3$/m);
    assert.match(edited(text, { ...pop3, isOn: true }) ?? '', /^protocols = imap pop3$/m);
    assert.equal(edited('listen = *\n', { ...pop3, isOn: false }), undefined);
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
