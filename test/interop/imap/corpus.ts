// Messages to describe: recorded ones, Japanese ones in each of the charsets that mail uses, and generated ones whose MIME is nested, broken, or both. The same in every run.

import { contentOf, type Entry, loadRecording } from '../../support/recording.js';

/** Words in a charset, as base64. */
const japanese: Readonly<Record<string, readonly string[]>> = {
  'iso-2022-jp': ['GyRCRnxLXDhsJE43b0w+GyhC', 'GyRCMnE1RCROO3FOQSRyQXckaiReJDkbKEI=', 'GyRCOzNFREJATzobKEI='],
  shift_jis: ['k/qWe4zqgsyMj5a8', 'ie+LY4LMjpGXv4LwkZeC6ILcgrc=', 'jlKTY5G+mFk='],
  'euc-jp': ['xvzL3LjspM6378y+', 'svG1xKTOu/HOwaTywfek6qTepLk=', 'u7PFxMLAz7o='],
  'utf-8': ['5pel5pys6Kqe44Gu5Lu25ZCN', '5Lya6K2w44Gu6LOH5paZ44KS6YCB44KK44G+44GZ', '5bGx55Sw5aSq6YOO'],
};

/** What the first of the words says, to be searched for. */
export const japaneseSubject = '日本語の件名';

class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = seed * 2654435761 + 1;
  }
  roll(sides: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * sides);
  }
  one<T>(of: readonly T[]): T {
    return of[this.roll(of.length)] as T;
  }
}

export function corpus(generated = 480): Buffer[] {
  const messages = [...recorded(), ...inJapanese()];
  for (let seed = 1; seed <= generated; seed++) messages.push(generatedMessage(seed));
  return messages;
}

function recorded(): Buffer[] {
  const { tree = {} } = loadRecording('maildir', 'mime-dovecot') as { tree?: Readonly<Record<string, Entry>> };
  return Object.keys(tree)
    .filter((path) => /\/(new|cur)\/./.test(path))
    .sort()
    .map((path) => contentOf(tree[path] as Entry));
}

function inJapanese(): Buffer[] {
  return Object.entries(japanese).flatMap(([charset, [subject = '', text = '', name = '']]) =>
    ['base64', 'quoted-printable', '8bit'].map((encoding) => {
      const body = Buffer.from(text, 'base64');
      const header = [
        `From: =?${charset}?B?${name}?= <yamada@example.jp>`,
        `To: =?${charset}?Q?${quotedPrintable(Buffer.from(name, 'base64'), /[A-Za-z0-9]/)}?= <test@example.jp>`,
        'Date: Mon, 2 Mar 2026 10:30:00 +0900',
        `Subject: Re: =?${charset}?B?${subject}?=`,
        `Message-ID: <${charset}.${encoding}@example.jp>`,
        'MIME-Version: 1.0',
        `Content-Type: text/plain; charset=${charset}`,
        `Content-Transfer-Encoding: ${encoding}`,
        '',
        '',
      ].join('\n');
      const encoded =
        encoding === 'base64' ? body.toString('base64') : encoding === '8bit' ? body : quotedPrintable(body);
      return Buffer.concat([Buffer.from(header), Buffer.from(encoded as string), Buffer.from('\nend of it\n')]);
    }),
  );
}

function quotedPrintable(bytes: Buffer, plain = /[!-<>-~]/): string {
  return [...bytes]
    .map((byte) => (plain.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `=${hex(byte)}`))
    .join('');
}

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0');
}

const addresses = [
  'Noel <noel@example.jp>',
  '"Smith, J." <j.smith@example.com>, plain@example.org',
  'friends: a@b.example, c@d.example;, after@e.example',
  'broken <half@',
  'nobody',
  '<@relay.example:routed@example.net>',
  'x@example.jp (with a comment)',
  '=?utf-8?Q?J=C3=BCrgen?= <j@example.de>',
  'raw J\xfcrgen <raw@example.de>',
  '',
  '"quo\\"ted\\\\" <q@example.com>',
  'undisclosed-recipients:;',
];

const subjects = [
  'hello world',
  'Re: hello world',
  'Fwd: [list] hello world (fwd)',
  '=?utf-8?B?44OG44K544OI?= =?utf-8?B?44OG44K544OI?=',
  '=?iso-8859-1?Q?Gr=FC=DFe?=',
  'two\n lines',
  'with "quotes" and \\ backslash',
  '',
  'raw \xe4\xf6\xfc',
  'trailing blanks   ',
  '=?unknown-charset?Q?what?=',
  'a\tb',
];

function generatedMessage(seed: number): Buffer {
  const dice = new Dice(seed);
  const lineEnd = dice.roll(6) === 0 ? '\r\n' : '\n';
  const lines: string[] = [];
  const field = (chance: number, text: () => string): void => {
    if (dice.roll(100) < chance) lines.push(text());
  };
  const dates = [
    `Mon, ${1 + dice.roll(28)} Mar 2026 10:30:00 +0900`,
    `${1 + dice.roll(28)} Feb 2025 1:02:03 GMT`,
    'not a date',
    `Sun, 01 Feb 26 09:00 -0500`,
  ];
  field(80, () => `Received: from a.example by b.example;${lineEnd}\t${dates[0]}`);
  field(90, () => `Date: ${dice.one(dates)}`);
  field(90, () => `From: ${dice.one(addresses)}`);
  field(80, () => `To: ${dice.one(addresses)}`);
  field(40, () => `Cc: ${dice.one(addresses)}`);
  field(20, () => `Cc: ${dice.one(addresses)}`);
  field(20, () => `Reply-To: ${dice.one(addresses)}`);
  field(20, () => `Sender: ${dice.one(addresses)}`);
  field(20, () => `Bcc: ${dice.one(addresses)}`);
  field(90, () => `Subject: ${dice.one(subjects).replace('\n', lineEnd)}`);
  field(10, () => `Subject: a second one`);
  field(90, () => `Message-ID: <${seed}@generated.example>`);
  field(50, () => `In-Reply-To: <${Math.max(1, seed - 1 - dice.roll(9))}@generated.example>`);
  field(
    40,
    () =>
      `References: <${Math.max(1, seed - 12)}@generated.example>${lineEnd} <${Math.max(1, seed - 3)}@generated.example>`,
  );
  field(5, () => 'A line that is no field');
  field(85, () => 'MIME-Version: 1.0');
  lines.push(...part(dice, 0));
  const text = lines.map((line) => `${line}${lineEnd}`).join('');
  const isCut = dice.roll(12) === 0;
  const cut = isCut ? text.slice(0, dice.roll(text.length)) : text;
  return Buffer.from(cut === '' ? 'x' : cut, 'latin1');
}

const dispositions = [
  'attachment; filename="a b.txt"',
  'inline',
  "attachment; filename*=utf-8''%C3%A4.pdf",
  'attachment; filename*0="very "; filename*1="long.bin"; size=12',
  'attachment; filename=?= broken',
  ';',
];

/** A part: its own header, an empty line, a body. */
function part(dice: Dice, depth: number): string[] {
  const kind = depth > 3 ? 5 + dice.roll(7) : dice.roll(12);
  const own: string[] = [];
  if (dice.roll(5) === 0) own.push(`Content-Disposition: ${dice.one(dispositions)}`);
  if (dice.roll(8) === 0) own.push('Content-ID: <id@example>', 'Content-Description: what\n it is'.replace('\n', ' '));
  if (dice.roll(10) === 0) own.push('Content-Language: en, de');
  if (dice.roll(14) === 0) own.push('Content-Location: http://example/x', 'Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==');
  if (kind < 4) return multipart(dice, depth, own);
  if (kind === 4)
    return [
      ...own,
      'Content-Type: message/rfc822',
      '',
      'From: inner@example',
      'Subject: inside',
      ...part(dice, depth + 1),
    ];
  if (kind === 5)
    return [
      ...own,
      'Content-Type: text/plain; charset=utf-8',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      'Gr=C3=BC=C3=9Fe =',
      'and more=20',
      '=3D bad =ZZ',
    ];
  if (kind === 6)
    return [
      ...own,
      'Content-Type: application/octet-stream; name="x"',
      'Content-Transfer-Encoding: base64',
      '',
      'AAECAwQFBgcICQ==',
      '',
    ];
  if (kind === 7) return [...own, 'Content-Type: text/html', '', '<p>Hello <b>there</b> &amp; you</p>'];
  if (kind === 8) return [...own, 'Content-Type: text', '', 'half a type'];
  if (kind === 9) return [...own, 'Content-Transfer-Encoding: x-unknown', 'Content-Type: image/png;broken', '', 'data'];
  if (kind === 10) return [...own, '', 'no type at all', '--b0', 'a boundary of somebody else', ''];
  return [
    ...own,
    'Content-Type: text/plain; format=flowed; charset="iso-8859-1"; delsp=yes',
    '',
    'J\xfcrgen',
    'From the beginning',
    '.dot',
  ];
}

function multipart(dice: Dice, depth: number, own: readonly string[]): string[] {
  const boundary = dice.one([`b${depth}`, `b${depth}-long_boundary`, 'same', `b${depth} with blanks`]);
  const subtype = dice.one(['mixed', 'alternative', 'digest', 'related; type="text/html"', 'signed; micalg=sha1']);
  const lines = [...own, `Content-Type: multipart/${subtype};`, `\tboundary="${boundary}"`, ''];
  if (dice.roll(2) === 0) lines.push('preamble');
  for (let count = dice.roll(4); count >= 0; count--)
    lines.push(`--${boundary}${dice.roll(6) === 0 ? '  ' : ''}`, ...part(dice, depth + 1));
  if (dice.roll(5) > 0) lines.push(`--${boundary}--`);
  if (dice.roll(3) === 0) lines.push('epilogue', '');
  return lines;
}
