// Sessions with a real Dovecot, recorded (fixtures/recordings/maildir), played to our server: what it answers, line by line, and what it says of the messages that were left on disk.

import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { fetchedOf, responsesOf } from '../../support/imap-answers.js';
import { type ImapHost, imapHost, testPassword, testUser } from '../../support/imap-host.js';
import {
  buildTree,
  bytesOf,
  contentOf,
  type Entry,
  loadRecording,
  newRoot,
  removeRoot,
  type SessionEvent,
} from '../../support/recording.js';

interface Recorded {
  readonly tree: Readonly<Record<string, Entry>>;
  readonly answers: readonly {
    readonly server: string;
    readonly settings: { readonly prefix?: string };
    readonly folders: Readonly<Record<string, readonly SessionEvent[]>>;
  }[];
}

const names = [
  'dovecot-basic',
  'dovecot-inbox-prefix',
  'dovecot-odd-files',
  'dovecot-pop3',
  'mime-dovecot',
  'courier-then-dovecot',
];

/** Why an answer may differ: by recording, folder and sequence number. */
const different: Readonly<Record<string, string>> = {
  'dovecot-odd-files INBOX':
    'Dovecot ends the session at a message whose S= is wrong, and calls a directory in cur/ a message; we show the messages that there are',
};

for (const name of names) {
  const { tree, answers } = loadRecording('maildir', name) as unknown as Recorded;
  for (const { server, settings, folders } of answers.filter(({ server }) => server === 'dovecot')) {
    test(`${name}: messages as ${server} told them`, async (t) => {
      const host = await hostWith(t, tree, settings.prefix === undefined ? '' : 'INBOX.');
      const client = await host.loggedIn();
      for (const [folder, events] of Object.entries(folders)) {
        const theirs = fetchedOf(
          responsesOf(Buffer.concat(events.flatMap(({ server }) => (server === undefined ? [] : [bytesOf(server)])))),
        );
        if (theirs.size === 0 || different[`${name} ${folder}`] !== undefined) continue;
        await client.ask(`EXAMINE "${folder}"`);
        const ours = new Map(
          (await client.ask('UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)')).flatMap(
            (response) => {
              const found = /^\* (\d+) FETCH /.exec(response);
              return found === null ? [] : [[Number(found[1]), response.slice(found[0].length)] as const];
            },
          ),
        );
        assert.deepEqual(told(ours), told(theirs), folder);
      }
    });
  }
}

/** Without \\Recent: who sees a message first is no property of the tree. Nor are keywords beyond the 26th, which Dovecot has in its index alone (formats/dovecot.md 2.4). */
function told(answers: ReadonlyMap<number, string>): Map<number, string> {
  const flags = (_: string, list: string): string =>
    `FLAGS (${list
      .split(' ')
      .filter((name) => name !== '\\Recent' && !/^(?:kw2[6-9]|NonJunk)$/.test(name))
      .join(' ')})`;
  return new Map([...answers].map(([sequence, answer]) => [sequence, answer.replace(/FLAGS \(([^)]*)\)/, flags)]));
}

async function hostWith(
  t: TestContext,
  tree: Readonly<Record<string, Entry>>,
  prefix: '' | 'INBOX.',
): Promise<ImapHost> {
  const host = await imapHost(t, { settings: { prefix } });
  const root = newRoot();
  t.after(() => removeRoot(root));
  buildTree(tree, root);
  rmSync(host.maildir(), { recursive: true, force: true });
  cpSync(path.join(root, Object.keys(tree)[0] ?? ''), host.maildir(), { recursive: true, preserveTimestamps: true });
  return host;
}

interface RecordedSteps {
  readonly steps: readonly {
    readonly deliver?: Readonly<Record<string, { readonly mtime: number }>>;
    readonly sh?: string;
    readonly imap?: string;
    readonly settings?: { readonly prefix?: string };
    readonly events?: readonly SessionEvent[];
  }[];
}

test('dovecot-basic: the session, answer by answer', async (t) => {
  const { steps } = loadRecording('maildir', 'dovecot-basic') as unknown as RecordedSteps;
  const host = await imapHost(t);
  const { tree } = loadRecording('maildir', 'dovecot-basic') as unknown as Recorded;
  for (const [name, { mtime }] of Object.entries(steps[0]?.deliver ?? {}))
    host.put(name, deliveredText(tree, name), { mtime });
  const events = steps[1]?.events ?? [];
  const client = await host.connect();
  for (const [index, { client: sent }] of events.entries()) {
    if (sent === undefined) continue;
    const text = bytesOf(sent).toString('latin1');
    const expected = bytesOf(events[index + 1]?.server ?? '').toString('latin1');
    client.send(text.replace('test@mailtest.example.jp password', `${testUser} ${testPassword}`));
    const responses: string[] = [];
    do responses.push(await client.response());
    while (!/^(?:a\d+ |\+)/.test(responses.at(-1) ?? ''));
    assert.deepEqual(
      responses.filter((response) => !ownNews.test(response)).map(comparable),
      responsesOf(Buffer.from(expected, 'latin1')).map(comparable),
      text,
    );
  }
});

/** The text of a message that was delivered; one that was moved or expunged afterwards may be any. */
function deliveredText(tree: Readonly<Record<string, Entry>>, name: string): Buffer {
  const base = path.basename(name).split(':')[0] ?? '';
  const found = Object.keys(tree).find((file) => path.basename(file).startsWith(base));
  return found === undefined ? Buffer.from('Subject: gone\n\n') : contentOf(tree[found] as Entry);
}

/** What RFC 8474 and 7162 have told at SELECT, and Dovecot does not, or not always. */
const ownNews = /^\* OK \[(?:MAILBOXID|HIGHESTMODSEQ) /;

/** Without times, UIDVALIDITY, what each server can do, and the end of a sentence. */
function comparable(response: string): string {
  return response
    .replace(/ \(\d+\.\d+[^)]*secs\)/, '')
    .replace(/\[CAPABILITY [^\]]*\]/, '[CAPABILITY]')
    .replace(/\[MAILBOXID [^\]]*\] /, '')
    .replace(/\[(UIDVALIDITY|APPENDUID|COPYUID) \d+/, '[$1 1')
    .replace(/\.$/, '');
}
