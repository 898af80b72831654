// Filters that people have in their .qmail files, run by our qmail-local as the domain's user: Debian's maildrop, procmail and spamc (with a stand-in for spamd), and, which Debian does not
// have, stand-ins for autorespond and ezmlm that use what those use of qmail.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, type TestContext, test } from 'node:test';
import { type FilterHost, filterHost } from '../support/filter-host.js';
import { needs, needsRoot } from '../support/needs.js';
import { type Spamd, startSpamd } from '../support/spamd.js';

const ham = 'From: Ann <ann@example.org>\nTo: u0@example.jp\nSubject: hello\n\nHow are you?\n';
const spam = ham.replace('How are you?', 'Buy viagra!');

let spamd: Spamd;
before(async () => {
  spamd = await startSpamd();
});
after(() => spamd.stop());

function host(t: TestContext, ...programs: string[]): FilterHost | undefined {
  if (!needsRoot(t) || !needs(t, ...programs)) return undefined;
  const made = filterHost();
  t.after(() => made.remove());
  return made;
}

test('maildrop with a filter file: into folders, sent on, refused, put off', async (t) => {
  const at = host(t, 'maildrop');
  if (at === undefined) return;
  at.maildir('u0/Maildir/.Lists');
  at.write('.qmail-filter', '|/usr/bin/maildrop ./mailfilter\n./u1/Maildir/\n');
  const cases: readonly {
    readonly filter: string;
    readonly exit: number;
    readonly report: RegExp;
    readonly folder?: string;
  }[] = [
    {
      filter: 'if (/^Subject: hello/)\n{\n  to "u0/Maildir/.Lists"\n}\n',
      exit: 0,
      report: /^did 1\+0\+1\n$/,
      folder: 'u0/Maildir/.Lists',
    },
    { filter: 'EXITCODE=99\nto "u0/Maildir"\n', exit: 0, report: /^did 0\+0\+1\n$/, folder: 'u0/Maildir' },
    { filter: 'echo "We do not want that."\nEXITCODE=100\nexit\n', exit: 100, report: /^We do not want that\.\n$/ },
    { filter: 'to "nowhere/Maildir"\n', exit: 111, report: /maildrop: Unable to create a dot-lock at nowhere\// },
    { filter: 'if (\n', exit: 111, report: /^\.\/mailfilter\(2\): Syntax error/ },
  ];
  let copies = 0;
  for (const { filter, exit, report, folder } of cases) {
    at.write('mailfilter', filter);
    const ended = await at.deliver('filter', ham);
    assert.match(ended.report, report, filter);
    assert.equal(ended.exit, exit, filter);
    if (folder !== undefined) assert.match(at.mail(folder).join(), /^From: Ann <ann@example\.org>\n/, filter);
    if (ended.report.startsWith('did 1')) copies++;
    assert.equal(at.mail('u1/Maildir').length, copies, `the line behind it, after ${filter}`);
  }
});

test('maildrop sends a copy on through sendmail', async (t) => {
  const at = host(t, 'maildrop');
  if (at === undefined) return;
  at.write('.qmail-filter', '|/usr/bin/maildrop ./mailfilter\n');
  at.write(
    'mailfilter',
    `SHELL="/bin/sh"\nSENDMAIL="${at.root}/var/qmail/bin/sendmail"\nFROM="$SENDER"\ncc "!far@example.org"\nto "u0/Maildir"\n`,
  );
  assert.deepEqual(await at.deliver('filter', ham), { exit: 0, report: 'did 0+0+1\n' });
  assert.equal(at.mail('u0/Maildir').length, 1);
  const [copy, ...more] = at.queued();
  assert.deepEqual([copy?.recipients, more.length], [['far@example.org'], 0]);
  assert.match(
    copy?.message ?? '',
    /^Received: \(qmail \d+ invoked by uid \d+\); [^\n]+\n(?:.+\n)*Subject: hello\n(?:.+\n)*\nHow are you\?\n$/,
  );
});

/** The filter of the toasters: SpamAssassin, then a folder for spam, else vpopmail's delivery. */
function toasterFilter(at: FilterHost): string {
  const bin = `${at.root}/home/vpopmail/bin`;
  return `SHELL="/bin/sh"
import EXT
import HOST
VHOME=\`${bin}/vuserinfo -d $EXT@$HOST\`
if ( $SIZE < 262144 )
{
  exception {
    xfilter "/usr/bin/spamc -d 127.0.0.1 -p ${spamd.port} -u $EXT@$HOST"
  }
}
if ( /^X-Spam-Flag: *YES/ )
{
  exception {
    to "$VHOME/Maildir/.Spam/"
  }
}
else
{
  exception {
    to "|${bin}/vdelivermail '' bounce-no-mailbox"
  }
}
`;
}

test('a whole domain through maildrop, spamc, vuserinfo and vdelivermail', async (t) => {
  const at = host(t, 'maildrop', 'spamc');
  if (at === undefined) return;
  at.maildir('u0/Maildir/.Spam');
  at.write('mailfilter', toasterFilter(at));
  at.write('.qmail-default', '|/usr/bin/maildrop ./mailfilter\n');
  assert.deepEqual(await at.deliver('u0', spam), { exit: 0, report: 'did 0+0+1\n' });
  assert.match(at.mail('u0/Maildir/.Spam').join(), /^X-Spam-Flag: YES\n(?:.+\n)+\nBuy viagra!\n$/);
  assert.deepEqual(await at.deliver('u0', ham), { exit: 0, report: 'did 0+0+1\n' });
  assert.match(
    at.mail('u0/Maildir').join(),
    /^Return-Path: <ann@example\.org>\nDelivered-To: u0@example\.jp\n(?:Received: .+\n(?:\s.+\n)*)?X-Spam-Status: No, score=1\.0\nFrom: /,
  );
  assert.deepEqual(spamd.users.slice(-2), ['u0@example.jp', 'u0@example.jp']);
  const unknown = await at.deliver('nobody', ham);
  assert.match(unknown.report, /no mailbox here by that name/i);
  assert.ok(unknown.exit === 100 || unknown.exit === 111, 'as maildrop passes it on');
});

test('spamc before vdelivermail in one pipe', async (t) => {
  const at = host(t, 'spamc');
  if (at === undefined) return;
  const vdelivermail = `${at.root}/home/vpopmail/bin/vdelivermail '' bounce-no-mailbox`;
  const pipe = (options: string): void =>
    at.write('.qmail-default', `| /usr/bin/spamc -d 127.0.0.1 ${options} | ${vdelivermail}\n`);
  pipe(`-p ${spamd.port}`);
  assert.equal((await at.deliver('u0', spam)).exit, 0);
  assert.match(at.mail('u0/Maildir').join(), /\nX-Spam-Flag: YES\n(?:.+\n)+\nBuy viagra!\n$/);
  assert.equal((await at.deliver('nobody', spam)).exit, 100);
  pipe('-p 1');
  assert.equal((await at.deliver('u1', ham)).exit, 0, 'without spamd the mail goes on as it is');
  assert.ok(at.mail('u1/Maildir').join().endsWith(ham));
});

test('spamc says, and a program of qmail acts on it', async (t) => {
  const at = host(t, 'spamc');
  if (at === undefined) return;
  const check = `sh -c '! /usr/bin/spamc -c -d 127.0.0.1 -p ${spamd.port} >/dev/null'`;
  at.write('.qmail-redirect', `|condredirect spambox@example.org ${check}\n./u0/Maildir/\n`);
  at.write('.qmail-refuse', `|bouncesaying 'No spam please.' ${check}\n./u1/Maildir/\n`);
  assert.deepEqual(await at.deliver('redirect', ham), { exit: 0, report: 'did 1+0+1\n' });
  assert.deepEqual(at.queued(), []);
  const redirected = await at.deliver('redirect', spam);
  assert.match(redirected.report, /^condredirect: qp \d+\ndid 0\+0\+1\n$/);
  assert.equal(at.mail('u0/Maildir').length, 1);
  const [sent] = at.queued();
  assert.deepEqual([sent?.sender, sent?.recipients], ['ann@example.org', ['spambox@example.org']]);
  assert.match(sent?.message ?? '', /^Received: .+\nDelivered-To: example\.jp-redirect@example\.jp\nFrom: Ann/);
  assert.deepEqual(await at.deliver('refuse', spam), { exit: 100, report: 'No spam please.\n' });
  assert.deepEqual(await at.deliver('refuse', ham), { exit: 0, report: 'did 1+0+1\n' });
});

test('procmail: Maildirs, an mbox, sent on, refused', async (t) => {
  const at = host(t, 'procmail');
  if (at === undefined) return;
  const rc = `${at.domain}/procmailrc`;
  at.write('.qmail-plain', `|/usr/bin/procmail -p -m ${rc}\n`);
  at.write('.qmail-preline', `|preline /usr/bin/procmail -p -m ${rc}\n`);
  // Without `w` procmail ends before the program to which it hands the mail.
  const recipes: readonly (readonly [local: string, recipes: string, exit: number])[] = [
    ['plain', ':0\n* ^Subject: hello\nu0/Maildir/\n', 0],
    ['preline', ':0\nmbox\n', 0],
    ['plain', `SENDMAIL=${at.root}/var/qmail/bin/sendmail\n:0 w\n! far@example.org\n`, 0],
    ['plain', 'EXITCODE=100\n:0\n/dev/null\n', 100],
    ['plain', 'EXITCODE=75\n:0\n/dev/null\n', 111],
  ];
  for (const [local, text, exit] of recipes) {
    at.write('procmailrc', `MAILDIR=${at.domain}\nLOGFILE=/dev/null\n${text}`);
    const ended = await at.deliver(local, ham);
    assert.equal(ended.exit, exit, `${text}: ${ended.report}`);
  }
  assert.ok(at.mail('u0/Maildir')[0]?.endsWith('Subject: hello\n\nHow are you?\n'));
  const mbox = readFileSync(`${at.domain}/mbox`, 'latin1');
  assert.match(
    mbox,
    /^From ann@example\.org .+\nReturn-Path: <ann@example\.org>\nDelivered-To: example\.jp-preline@example\.jp\nFrom: Ann/,
  );
  assert.deepEqual(
    at.queued().map(({ recipients }) => recipients),
    [['far@example.org']],
  );
});

/** What autorespond does: an answer to the envelope sender from the null sender, by qmail-inject, once for each sender; never to lists and bounces. */
const autorespond = (root: string): string => `#!/bin/sh
# autorespond TIME COUNT MESSAGE DIRECTORY
[ -n "$SENDER" ] && [ "$SENDER" != '#@[]' ] || exit 0
header=$(sed '/^$/q')
echo "$header" | grep -qi '^Precedence: *\\(bulk\\|list\\|junk\\)' && exit 0
[ -e "$4/$SENDER" ] && exit 0
: > "$4/$SENDER"
{ echo "To: <$SENDER>"; echo "Delivered-To: Autoresponder"; cat "$3"; } | ${root}/var/qmail/bin/qmail-inject -f '' "$SENDER"
`;

test('autorespond in the .qmail of an account, as qmailadmin writes it', async (t) => {
  const at = host(t);
  if (at === undefined) return;
  at.write('autorespond', autorespond(at.root), 0o755);
  at.write('u0/vacation/message', 'From: u0@example.jp\nSubject: away\n\nI am away.\n');
  // Its directory keeps whom it has answered.
  const place = `${at.domain}/u0/vacation`;
  at.write('u0/.qmail', `| ${at.domain}/autorespond 86400 3 ${place}/message ${place}\n./Maildir/\n`);
  for (const [sender, message] of [
    ['ann@example.org', ham],
    ['ann@example.org', ham],
    ['', ham],
    ['list-owner@example.org', `Precedence: bulk\n${ham}`],
    ['bob@example.org', ham],
  ] as const) {
    const ended = await at.deliver('u0', message, sender);
    assert.equal(ended.exit, 0, `${sender}: ${ended.report}`);
  }
  assert.equal(at.mail('u0/Maildir').length, 5, 'each is kept once');
  const answers = at.queued();
  assert.deepEqual(
    answers.map(({ sender, recipients }) => [sender, recipients]),
    [
      ['', ['ann@example.org']],
      ['', ['bob@example.org']],
    ],
  );
  assert.match(
    answers[0]?.message ?? '',
    /^Received: .+\n(?:.+\n)*To: <ann@example\.org>\n(?:.+\n)*Subject: away\n\nI am away\.\n$/,
  );
});

/** What the programs of ezmlm use of qmail: the variables, the exit codes, the message on standard input from its start, each time anew, and qmail-queue. */
const ezmlm: Readonly<Record<string, string>> = {
  'ezmlm-reject': `#!/bin/sh
sed '/^$/q' | grep -qi '^Subject: *.' && exit 0
echo 'Sorry, I do not accept messages with empty Subject. (#5.7.0)'; exit 100
`,
  'ezmlm-send': `#!/bin/sh
cd "$1" || exit 111
number=$(( $(cat num) + 1 )); echo $number > num
{ echo 'Mailing-List: contact list-help@example.jp; run by ezmlm'; echo "$DTLINE" | grep .; cat; } > archive
{ printf 'Flist-return-%s-@example.jp-@[]\\0' $number; sed 's/^/T/' subscribers | tr '\\n' '\\0'; printf '\\0'; } > envelope
QUEUE 0<archive 1<envelope || exit 111
`,
  'ezmlm-warn': '#!/bin/sh\nexit 1\n',
  'ezmlm-manage':
    '#!/bin/sh\ncd "$1" || exit 111\n[ "$DEFAULT" = subscribe ] || { echo "unknown command $DEFAULT"; exit 100; }\necho "$SENDER" >> subscribers\n',
  'ezmlm-return': '#!/bin/sh\ncd "$1" && echo "$DEFAULT from <$SENDER>" >> returned; exit 99\n',
};

test('the .qmail files of an ezmlm list', async (t) => {
  const at = host(t);
  if (at === undefined) return;
  const list = `${at.domain}/list`;
  for (const [name, script] of Object.entries(ezmlm))
    at.write(`bin/${name}`, script.replaceAll('QUEUE', `${at.root}/var/qmail/bin/qmail-queue`), 0o755);
  const run = (program: string): string => `|${at.domain}/bin/${program} '${list}'`;
  at.write('.qmail-list', `${run('ezmlm-reject')}\n${run('ezmlm-send')}\n${run('ezmlm-warn')} || exit 0\n`);
  at.write('.qmail-list-owner', `&u0@example.jp\n${run('ezmlm-warn')} || exit 0\n`);
  at.write('.qmail-list-default', `${run('ezmlm-manage')}\n`);
  at.write('.qmail-list-return-default', `${run('ezmlm-return')}\n./u0/Maildir/\n`);
  at.write('list/num', '6\n');
  at.write('list/subscribers', 'one@example.org\n');

  assert.deepEqual(await at.deliver('list-subscribe', ham, 'two@example.org'), { exit: 0, report: 'did 0+0+1\n' });
  assert.deepEqual(await at.deliver('list-explode', ham), { exit: 100, report: 'unknown command explode\n' });
  assert.match((await at.deliver('list', 'From: a@b\n\nno subject\n')).report, /#5\.7\.0/);
  assert.deepEqual(await at.deliver('list', ham), { exit: 0, report: 'did 0+0+3\n' });
  const [post, ...more] = at.queued();
  assert.equal(more.length, 0);
  assert.deepEqual(
    [post?.sender, post?.recipients],
    ['list-return-7-@example.jp-@[]', ['one@example.org', 'two@example.org']],
  );
  assert.match(
    post?.message ?? '',
    /^Received: .+\nMailing-List: .+\nDelivered-To: example\.jp-list@example\.jp\nFrom: Ann/,
  );
  const returned = await at.deliver('list-return-7-one=example.org', ham, '');
  assert.deepEqual(returned, { exit: 0, report: 'did 0+0+1\n' });
  assert.equal(readFileSync(`${list}/returned`, 'latin1'), '7-one=example.org from <>\n');
  assert.equal(at.mail('u0/Maildir').length, 0, 'exit 99 ends it');
  const owner = await at.deliver('list-owner', ham);
  assert.match(owner.report, /^did 0\+1\+1\nqp \d+\n$/);
  assert.deepEqual(at.queued()[0]?.recipients, ['u0@example.jp']);
});
