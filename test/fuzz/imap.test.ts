// Whatever a client sends to the IMAP server, in whatever pieces: every session ends in answers, BAD or BYE, the process has no defect, and the next client is served.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ImapHost, imapHost, testPassword, testUser } from '../support/imap-host.js';

const bytes = (maxLength: number): fc.Arbitrary<string> =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array).toString('latin1'));

const literal = fc
  .tuple(
    fc.oneof(bytes(12), fc.constantFrom('INBOX', 'hello', '')),
    fc.constantFrom('+', '', '~'),
    fc.integer({ min: -2, max: 3 }),
  )
  .map(([text, kind, off]) => {
    const length = Math.max(0, text.length + Math.min(off, 0));
    return `${kind === '~' ? '~' : ''}{${length}${kind === '' ? '' : '+'}}\r\n${text}`;
  });
const word = fc.constantFrom(
  ...'( ) () (( )) "" "a "x" \\ * % $ 1 1:* 1,2:3 *:* 0 4294967295 4294967296 -1:-2 NIL INBOX Work nosuch &- &AA a.b'.split(
    ' ',
  ),
  ...'FLAGS (FLAGS) +FLAGS -FLAGS.SILENT (\\Seen) \\Seen \\Recent $Label1 UID (UID) BODY[] BODY.PEEK[1.MIME] BODY[HEADER.FIELDS'.split(
    ' ',
  ),
  ...'(DATE)] <0.5> BINARY[1] BINARY.SIZE[] ENVELOPE BODYSTRUCTURE PREVIEW MODSEQ (CHANGEDSINCE 1) (UNCHANGEDSINCE 0) (VANISHED)'.split(
    ' ',
  ),
  ...'ALL NOT OR SUBJECT TEXT BODY x HEADER SINCE 1-Nov-2026 LARGER CHARSET UTF-8 ISO-2022-JP X-FOO RETURN (SAVE) (MIN MAX) (PARTIAL 1:2)'.split(
    ' ',
  ),
  ...'REFERENCES (REVERSE DATE) (SUBJECT) (QRESYNC (1 1)) (CONDSTORE) (USE (\\Sent)) (MESSAGES UNSEEN) (SUBSCRIBED) "24-Nov-2026 02:49:18 +0000"'.split(
    ' ',
  ),
);
const name = fc.constantFrom(
  ...'NOOP CAPABILITY ID ENABLE LOGIN AUTHENTICATE SELECT EXAMINE CREATE DELETE RENAME SUBSCRIBE UNSUBSCRIBE LIST LSUB NAMESPACE STATUS'.split(
    ' ',
  ),
  ...'GETQUOTA GETQUOTAROOT APPEND REPLACE IDLE DONE CHECK CLOSE UNSELECT FETCH STORE SEARCH SORT THREAD COPY MOVE EXPUNGE'.split(
    ' ',
  ),
  ...'FETCH SEARCH STORE SORT THREAD COPY MOVE EXPUNGE REPLACE'.split(' ').map((command) => `UID ${command}`),
  'UID',
  'XNOSUCH',
);
/** Commands that are nearly right, and lines that are anything. */
const command = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(
        name,
        fc.array(fc.oneof({ weight: 6, arbitrary: word }, { weight: 1, arbitrary: literal }), { maxLength: 6 }),
      )
      .map(([command, words]) => ['a', command, ...words].join(' ')),
  },
  { weight: 1, arbitrary: bytes(60) },
  { weight: 1, arbitrary: fc.constantFrom('', 'a', ' ', '+', 'a {5}', 'a NOOP {999999999}', 'a LOGIN {5+}', '* a') },
);
const conversation = fc.record({
  commands: fc.array(command, { minLength: 1, maxLength: 10 }),
  begin: fc.constantFrom('new', 'logged-in', 'selected', 'uid-only'),
  /** Where the bytes are cut into packets. */
  pieces: fc.array(fc.nat(400), { maxLength: 4 }),
  /** Where the client goes. */
  end: fc.option(fc.nat(400), { nil: undefined }),
});
type Conversation = typeof conversation extends fc.Arbitrary<infer T> ? T : never;

const openings: Readonly<Record<Conversation['begin'], string>> = {
  new: '',
  'logged-in': `o LOGIN ${testUser} ${testPassword}\r\n`,
  selected: `o LOGIN ${testUser} ${testPassword}\r\np SELECT INBOX\r\n`,
  'uid-only': `o LOGIN ${testUser} ${testPassword}\r\np ENABLE UIDONLY QRESYNC UTF8=ACCEPT IMAP4rev2\r\nq SELECT INBOX\r\n`,
};

async function talk(host: ImapHost, { commands, begin, pieces, end }: Conversation): Promise<void> {
  const client = await host.connect();
  const text = Buffer.from(openings[begin] + commands.map((each) => `${each}\r\n`).join(''), 'latin1').subarray(0, end);
  const cuts = [0, ...pieces.filter((cut) => cut < text.length).sort((a, b) => a - b), text.length];
  for (const [index, cut] of cuts.slice(1).entries()) {
    client.send(text.subarray(cuts[index], cut));
    await new Promise((resolve) => setImmediate(resolve));
  }
  client.socket.end();
  for (let answer = await client.response(); answer !== ''; answer = await client.response())
    assert.match(answer, /^(?:\* |\+ |[^\s+*]+ (?:OK|NO|BAD) )/);
  client.destroy();
}

/** Conversations that once went wrong, or are likely to. */
const kept: readonly string[][] = [
  ['a FETCH 1 BODY[HEADER.FIELDS (', 'a FETCH 1 (', 'a SEARCH ('],
  ['a APPEND INBOX {3}', 'abc', 'a APPEND INBOX ({1+}', ')'],
  ['a REPLACE 1 INBOX {3+}', 'abc {3+}', 'abc'],
  ['a IDLE', 'a IDLE', 'DONE'],
  [`a SEARCH ${'NOT '.repeat(3000)}ALL`, `a SEARCH ${'('.repeat(3000)}`, `a LIST "" ${'*%'.repeat(3000)}`],
  ['a AUTHENTICATE SCRAM-SHA-256', '=', '*'],
];

test('any conversation', async (t) => {
  const host = await imapHost(t, { limits: { maxFailedLogins: 100 } });
  for (const number of [1, 2, 3]) host.put(`cur/${number}.a:2,`, 'From: a@b.example\nSubject: hello\n\nbody\n');
  host.makeFolder('Work');
  for (const commands of kept)
    for (const begin of ['new', 'selected', 'uid-only'] as const)
      await talk(host, { commands, begin, pieces: [], end: undefined });
  await fc.assert(
    fc.asyncProperty(conversation, (each) => talk(host, each)),
    { numRuns: 300 },
  );
  assert.deepEqual(
    host.log.filter((line) => /alert|\.ts:|\.js:/.test(line)),
    [],
  );
  const client = await host.loggedIn('INBOX');
  assert.equal(await client.tagged('NOOP'), 'OK NOOP completed.');
});
