// Messages of the corpus, broken at random: lines lost, doubled and exchanged, bytes changed, headers, parameters and boundaries of other kinds put in, texts cut off. The same in every run with one seed.

import { seeded } from './wanderer.js';

const fields = [
  "Content-Type: application/pdf; name*0*=utf-8''%E6%97%A5; name*1*=%E6%9C%AC; name*2=.pdf",
  "Content-Disposition: attachment; filename*=iso-2022-jp'ja'%1B%24BF%7CK%5C%1B%28B.txt",
  'Content-Disposition: attachment; filename*1=b; filename*0=a; filename=c',
  'Content-Type: multipart/mixed; boundary=""',
  'Content-Type: multipart/mixed',
  'Content-Type: multipart/mixed; boundary=b0; boundary=b1',
  'Content-Type: text/plain; charset="unclosed',
  'Content-Type: text/plain;;; charset=a;',
  'Content-Type: text/plain (comment) ; (another) charset (x) = (y) us-ascii',
  'Content-Type: TEXT / PLAIN; CHARSET=UTF-8',
  'Content-Type: message/rfc822',
  'Content-Type: message/rfc822\nContent-Transfer-Encoding: base64',
  'Content-Type: message/delivery-status',
  'Content-Type: message/partial; number=1; total=2; id="x"',
  'Content-Type:',
  'Content-Type: /',
  'Content-Type: text/',
  'Content-Transfer-Encoding: BASE64 ',
  'Content-Transfer-Encoding: "quoted-printable"',
  'Content-Transfer-Encoding: 8bit; x=y',
  'Content-Language: (c) en , , de-AT, "ja"',
  'Content-MD5: a b',
  'Content-Id: <a@b> <c@d>',
  'Content-Description: =?iso-2022-jp?B?GyRCRnxLXBsoQg==?=',
  'Content-Location: http://x/ y\n z',
  'From: a@b (c (d) e), "f" <g@h>, i: j@k, l@m;, <>, @n:o@p',
  'To: "unclosed <a@b>',
  'Cc: =?iso-2022-jp?B?GyRCOzNFREJATzobKEI=?= <y@example.jp>, =?shift_jis?B?jlKTY5G+mFk=?= <z@example.jp>',
  'Sender: a@[127.0.0.1], b@c.',
  'Reply-To: a.b..c@d, "x y"@z, a b c@d',
  'Bcc: \x1b$B;3ED\x1b(B <a@b>',
  'Subject: \x1b$BF|K\\8l\x1b(B',
  'Subject: \x93\xfa\x96{',
  'Subject: =?utf-8?q?a?==?utf-8?q?b?= =?utf-8?q?=C3?= =?utf-8?q?=A4?=',
  'Date: Mon, 2 Mar 2026 25:61:61 +9999',
  'Date: 2 Mar 26',
  'Message-ID: <a@b> (x)',
  'In-Reply-To: "x" <c@d>\n\t<e@f>',
  ' a continuation of nothing',
  'No colon here',
  ': no name',
  'Name with blanks : value',
  'MIME-Version: 1.0 (x)',
  'Received: \x80\xff',
];

const lines = [
  '',
  '--b0',
  '--b0--',
  '--b1',
  '--same',
  '--same--',
  '--b0 with blanks',
  '----',
  '--',
  '\t',
  ' ',
  '.',
  'From x',
  '\x00',
  '\r',
];

/** A broken copy of one of the messages. */
export function mutated(messages: readonly Buffer[], seed: number): Buffer {
  const random = seeded(seed * 7919 + 3);
  const below = (limit: number): number => Math.floor(random() * limit);
  const one = <T>(of: readonly T[]): T => of[below(of.length)] as T;
  let text = one(messages).toString('latin1').slice(0, 20_000).split('\n');
  for (let changes = 1 + below(5); changes > 0; changes--) {
    const at = below(text.length + 1);
    const other = one(messages).toString('latin1').slice(0, 5000).split('\n');
    switch (below(9)) {
      case 0:
        text.splice(at, 1 + below(2));
        break;
      case 1:
        text.splice(at, 0, ...text.slice(at, at + 1 + below(4)));
        break;
      case 2:
      case 3:
        text.splice(below(3) === 0 ? at : below(Math.min(text.length, 12)), 0, ...one(fields).split('\n'));
        break;
      case 4:
        text.splice(at, 0, one(lines));
        break;
      case 5:
        text = [...text.slice(0, at), ...other.slice(below(other.length))];
        break;
      case 6:
        text = text.slice(0, at);
        break;
      case 7: {
        const line = text[at] ?? '';
        const column = below(line.length + 1);
        const byte = one([
          '"',
          '\\',
          ';',
          ':',
          '(',
          ')',
          '<',
          '>',
          ',',
          '=',
          '?',
          '\t',
          '\x00',
          '\xff',
          '\r',
          '@',
          '*',
          "'",
        ]);
        if (at < text.length) text[at] = line.slice(0, column) + byte + line.slice(column + below(2));
        break;
      }
      default: {
        const line = text[at] ?? '';
        const column = below(line.length + 1);
        if (at < text.length) text.splice(at, 1, line.slice(0, column), one(['', ' ', '\t']) + line.slice(column));
      }
    }
  }
  const whole = text.join('\n');
  return Buffer.from(whole === '' ? 'x' : whole, 'latin1');
}
