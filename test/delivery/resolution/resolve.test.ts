// What would become of a recipient: every form of .qmail-default, of a domain's and of an account's .qmail, flags, quotas, and trouble with each file on the way.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Outcome, Resolution } from '../../../src/delivery/accept.js';
import { createDelivery, type DeliverySettings } from '../../../src/delivery/local-delivery.js';
import type { Layout } from '../../../src/layout.js';
import { openHost } from '../../../src/stores/host.js';
import { type DeliveryHostOptions, domainDirectory, maildirOf, makeDeliveryHost } from '../../support/delivery-host.js';
import { newRoot, removeRoot } from '../../support/recording.js';

const domain = '/home/vpopmail/domains/example.jp';

function host(t: TestContext, options: Partial<DeliveryHostOptions> = {}): Layout {
  const root = newRoot();
  t.after(() => removeRoot(root));
  return makeDeliveryHost(root, { accounts: 3, ...options });
}

/** Writes host files: path -> text, or null to remove. */
function write(layout: Layout, files: Readonly<Record<string, string | null>>): void {
  for (const [hostPath, text] of Object.entries(files)) {
    const file = layout.disk(hostPath);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    if (text === null) fs.rmSync(file, { recursive: true, force: true });
    else fs.writeFileSync(file, text);
  }
}

async function resolve(layout: Layout, recipient: string, settings: DeliverySettings = {}): Promise<Resolution> {
  return createDelivery(openHost(layout), settings).resolve(recipient);
}

/** An outcome in one line: `deliver u0/Maildir as u0@example.jp`, `refuse 550 5.1.1 text`, `queue forward`. */
function told(layout: Layout, outcome: Outcome): string {
  const shown = (maildir: string): string => layout.host(maildir).replace(`${domain}/`, '');
  switch (outcome.kind) {
    case 'deliver':
      return `deliver ${outcome.maildirs.map((target) => `${shown(target.maildir)} as ${target.deliveredTo}`).join(', ')}`;
    case 'discard':
      return 'discard';
    case 'queue':
      return `queue ${outcome.reason}`;
    default:
      return `${outcome.kind} ${outcome.code} ${outcome.status} ${outcome.text}`;
  }
}

const vdelivermail = (argument: string): string => `| /home/vpopmail/bin/vdelivermail '' ${argument}\n`;
const unknown = 'refuse 550 5.1.1 sorry, no mailbox here by that name. (#5.1.1)';

interface Row {
  readonly why: string;
  readonly recipient?: string;
  readonly files?: Readonly<Record<string, string | null>>;
  readonly settings?: DeliverySettings;
  readonly want: string;
}

const defaultFile = `${domain}/.qmail-default`;
const accountFile = `${domain}/u0/.qmail`;
const toU0 = 'deliver u0/Maildir as u0@example.jp';

const rows: readonly Row[] = [
  { why: 'an account', want: toU0 },
  { why: 'capitals name the same account', recipient: 'U0@EXAMPLE.JP', want: toU0 },
  { why: 'an extension that no file serves', recipient: 'u0-a-b@example.jp', want: toU0 },
  { why: 'a domain of nobody here is sent on', recipient: 'u0@example.org', want: 'queue remote' },
  {
    why: 'an exception of virtualdomains is sent on',
    files: { '/var/qmail/control/virtualdomains': 'example.jp:example.jp\nu0@example.jp:\n' },
    want: 'queue remote',
  },
  { why: 'no domain: envnoathost, which is not local', recipient: 'u0', want: 'queue remote' },
  {
    why: 'percent hack into our own domain',
    recipient: 'u0%example.jp@example.jp',
    files: { '/var/qmail/control/percenthack': 'example.jp\n' },
    want: toU0,
  },
  { why: 'nothing before the @', recipient: '@example.jp', want: unknown },
  { why: 'an unknown account', recipient: 'nobody@example.jp', want: unknown },
  { why: 'an unknown account with an extension', recipient: 'nobody-u0@example.jp', want: unknown },
  {
    why: 'a name that vpopmail does not take',
    recipient: 'a b@example.jp',
    want: 'refuse 550 5.1.3 invalid username (#5.1.3)',
  },
  { why: 'UTF-8', recipient: 'caf\xc3\xa9@example.jp', want: 'refuse 550 5.1.3 invalid username (#5.1.3)' },
  { why: 'a slash is a name that nobody has', recipient: 'u0/../u1@example.jp', want: unknown },
  {
    why: 'a NUL cannot be in a name',
    recipient: 'u0\0@example.jp',
    want: 'refuse 550 5.1.3 invalid username (#5.1.3)',
  },
  { why: 'a very long name', recipient: `${'x'.repeat(800)}@example.jp`, want: unknown },
  {
    why: "the domain's own text, all its lines, without control characters",
    recipient: 'nobody@example.jp',
    files: { [`${domain}/.no-user.msg`]: 'Nobody\there.\r\nAsk \x1b[1mthem\xe9.\n' },
    want: 'refuse 550 5.1.1 Nobody here. Ask ?[1mthem??. (#5.1.1)',
  },
  {
    why: "the host's text",
    recipient: 'nobody@example.jp',
    files: { '/home/vpopmail/domains/.no-user.msg': 'Gone (#5.1.1)\n' },
    want: 'refuse 550 5.1.1 Gone (#5.1.1)',
  },
  {
    why: 'an empty text is no text',
    recipient: 'nobody@example.jp',
    files: { [`${domain}/.no-user.msg`]: '\n' },
    want: unknown,
  },
  { why: 'no .qmail-default', files: { [defaultFile]: null }, want: unknown },

  // The second argument of vdelivermail.
  { why: 'delete', recipient: 'nobody@example.jp', files: { [defaultFile]: vdelivermail('delete') }, want: 'discard' },
  { why: 'delete, known account', files: { [defaultFile]: vdelivermail('delete') }, want: toU0 },
  {
    why: 'a catch-all directory keeps the address that was asked for',
    recipient: 'No-Body@example.jp',
    files: { [defaultFile]: vdelivermail(`${domain}/u1`) },
    want: 'deliver u1/Maildir as no-body@example.jp',
  },
  {
    why: 'a catch-all directory with a final slash',
    recipient: 'nobody@example.jp',
    files: { [defaultFile]: vdelivermail(`${domain}/u1/`) },
    want: 'deliver u1/Maildir as nobody@example.jp',
  },
  {
    why: 'the .qmail of a catch-all directory is obeyed',
    recipient: 'nobody@example.jp',
    files: { [defaultFile]: vdelivermail(`${domain}/u1`), [`${domain}/u1/.qmail`]: '# nothing\n' },
    want: 'discard',
  },
  {
    why: 'a catch-all directory that is not there',
    recipient: 'nobody@example.jp',
    files: { [defaultFile]: vdelivermail(`${domain}/absent`) },
    want: 'defer 451 4.3.0 can not open new email file. (#4.3.0)',
  },
  {
    why: 'a catch-all address that is an account',
    recipient: 'nobody@example.jp',
    files: { [defaultFile]: vdelivermail('u1@example.jp') },
    want: 'deliver u1/Maildir as u1@example.jp',
  },
  {
    why: 'a catch-all address with &, escaped for the shell',
    recipient: 'nobody@example.jp',
    files: { [defaultFile]: vdelivermail('\\&u1@example.jp') },
    want: 'deliver u1/Maildir as u1@example.jp',
  },
  {
    why: 'a catch-all address elsewhere',
    recipient: 'nobody@example.jp',
    files: { [defaultFile]: vdelivermail('u1@example.org') },
    want: 'queue remote',
  },
  {
    why: 'a catch-all address without a domain is completed by qmail-inject',
    recipient: 'nobody@example.jp',
    files: { [defaultFile]: vdelivermail('u1') },
    want: 'queue forward',
  },
  {
    why: 'a catch-all address whose account forwards',
    recipient: 'nobody@example.jp',
    files: { [defaultFile]: vdelivermail('u1@example.jp'), [`${domain}/u1/.qmail`]: '&x@example.org\n' },
    want: 'queue forward',
  },
  {
    why: 'a catch-all address that is unknown itself',
    recipient: 'nobody@example.jp',
    files: { [defaultFile]: vdelivermail('nobody@example.jp') },
    want: 'refuse 554 5.4.6 mail is looping (#5.4.6)',
  },
  {
    why: 'two unknown names by turns: the second one is the catch-all again',
    recipient: 'nobody@example.jp',
    files: { [defaultFile]: vdelivermail('somebody@example.jp') },
    want: 'refuse 554 5.4.6 mail is looping (#5.4.6)',
  },
  {
    why: 'a catch-all program',
    recipient: 'nobody@example.jp',
    files: { [defaultFile]: vdelivermail("'|cat'") },
    want: 'queue program',
  },
  {
    why: 'a catch-all Maildir below the domain',
    recipient: 'nobody@example.jp',
    files: { [defaultFile]: vdelivermail('./u2/Maildir/') },
    want: 'deliver u2/Maildir as u2@example.jp',
  },
  {
    why: 'a shell expansion is a program',
    recipient: 'nobody@example.jp',
    files: { [defaultFile]: vdelivermail('$EXT@example.org') },
    want: 'queue program',
  },
  {
    why: 'one argument too few is a program that fails',
    files: { [defaultFile]: '| /home/vpopmail/bin/vdelivermail\n' },
    want: 'queue program',
  },

  // .qmail-default with more than one line.
  {
    why: 'a copy by forward, then vdelivermail',
    files: { [defaultFile]: `&copy@example.org\n${vdelivermail('bounce-no-mailbox')}` },
    want: 'queue forward',
  },
  {
    why: 'a forward, then a refusal: qmail-local would forward only at the end',
    recipient: 'nobody@example.jp',
    files: { [defaultFile]: `&copy@example.org\n${vdelivermail('bounce-no-mailbox')}` },
    want: unknown,
  },
  {
    why: 'a program first decides by its exit status whether vdelivermail comes to it',
    recipient: 'nobody@example.jp',
    files: { [defaultFile]: `|spamfilter\n${vdelivermail('bounce-no-mailbox')}` },
    want: 'queue program',
  },
  {
    why: 'an archive and vdelivermail',
    files: { [defaultFile]: `./u2/Maildir/\n${vdelivermail('bounce-no-mailbox')}` },
    want: 'deliver u2/Maildir as example.jp-u0@example.jp, u0/Maildir as u0@example.jp',
  },
  { why: 'only comments', files: { [defaultFile]: '# closed\n' }, want: 'discard' },

  // The .qmail files of the domain.
  {
    why: 'an alias with a Maildir line',
    recipient: 'sales@example.jp',
    files: { [`${domain}/.qmail-sales`]: './u1/Maildir/\n' },
    want: 'deliver u1/Maildir as example.jp-sales@example.jp',
  },
  {
    why: 'an alias wins over an account, and dots are colons',
    recipient: 'First.Last@example.jp',
    files: { [`${domain}/.qmail-first:last`]: '/home/vpopmail/domains/example.jp/u1/Maildir/\n' },
    want: 'deliver u1/Maildir as example.jp-First.Last@example.jp',
  },
  {
    why: 'two Maildirs',
    recipient: 'both@example.jp',
    files: { [`${domain}/.qmail-both`]: './u1/Maildir/\n./u2/Maildir/\n' },
    want: 'deliver u1/Maildir as example.jp-both@example.jp, u2/Maildir as example.jp-both@example.jp',
  },
  {
    why: 'an alias that forwards within the domain is left to the queue for now',
    recipient: 'sales@example.jp',
    files: { [`${domain}/.qmail-sales`]: '&u1@example.jp\n' },
    want: 'queue forward',
  },
  {
    why: 'a mailing list',
    recipient: 'list@example.jp',
    files: { [`${domain}/.qmail-list`]: "|/usr/bin/ezmlm-send '/x'\n" },
    want: 'queue list',
  },
  {
    why: 'a robot',
    recipient: 'robot@example.jp',
    files: { [`${domain}/.qmail-robot`]: '|autorespond 1 2\n' },
    want: 'queue program',
  },
  { why: 'an mbox', recipient: 'box@example.jp', files: { [`${domain}/.qmail-box`]: './box\n' }, want: 'queue mbox' },
  {
    why: 'comments only',
    recipient: 'hole@example.jp',
    files: { [`${domain}/.qmail-hole`]: '# delete\n' },
    want: 'discard',
  },
  {
    why: 'an empty alias file is the default delivery, which nobody told us',
    recipient: 'empty@example.jp',
    files: { [`${domain}/.qmail-empty`]: '' },
    want: 'queue system-user',
  },
  {
    why: 'an empty alias file where control/defaultdelivery names a Maildir that is not there',
    recipient: 'empty@example.jp',
    files: { [`${domain}/.qmail-empty`]: '', '/var/qmail/control/defaultdelivery': './Maildir/\n' },
    want: 'defer 451 4.2.1 Unable to chdir to maildir. (#4.2.1)',
  },
  {
    why: 'an empty alias file and a setting',
    recipient: 'empty@example.jp',
    files: { [`${domain}/.qmail-empty`]: '' },
    settings: { defaultDelivery: './u1/Maildir/' },
    want: 'deliver u1/Maildir as example.jp-empty@example.jp',
  },

  // The .qmail of an account.
  { why: 'an empty file is the Maildir', files: { [accountFile]: '' }, want: toU0 },
  { why: 'comments only throw away', files: { [accountFile]: '# delete\n#\n' }, want: 'discard' },
  { why: 'its own Maildir', files: { [accountFile]: `${domain}/u0/Maildir/\n` }, want: toU0 },
  { why: 'a relative Maildir', files: { [accountFile]: './Maildir/\n' }, want: toU0 },
  {
    why: 'two Maildirs, each under its own name',
    files: { [accountFile]: `./Maildir/\n${domain}/u1/Maildir/\n` },
    want: `${toU0}, u1/Maildir as u1@example.jp`,
  },
  { why: 'keep a copy and forward', files: { [accountFile]: './Maildir/\n&x@example.org\n' }, want: 'queue forward' },
  { why: 'vacation', files: { [accountFile]: '| autorespond 1 2 3\n./Maildir/\n' }, want: 'queue program' },
  {
    why: 'an mbox is never written',
    files: { [accountFile]: './mbox\n' },
    want: "defer 451 4.3.5 can't handle mbox delivery. (#4.3.5)",
  },
  {
    why: 'a blank behind the slash makes it an mbox',
    files: { [accountFile]: './Maildir/ \n' },
    want: "defer 451 4.3.5 can't handle mbox delivery. (#4.3.5)",
  },
  { why: 'a blank line is an empty address', files: { [accountFile]: '\n' }, want: 'queue forward' },
  {
    why: 'the file of an extension',
    recipient: 'u0-news.de@example.jp',
    files: { [`${domain}/u0/.qmail-news:de`]: `${domain}/u1/Maildir/\n` },
    want: 'deliver u1/Maildir as u1@example.jp',
  },
  {
    why: "the account's default for extensions",
    recipient: 'u0-x@example.jp',
    files: { [`${domain}/u0/.qmail-default`]: '# nothing\n' },
    want: 'discard',
  },
  { why: 'which is not for the bare name', files: { [`${domain}/u0/.qmail-default`]: '# nothing\n' }, want: toU0 },

  // Places.
  { why: 'the account directory is made again', files: { [`${domain}/u0`]: null }, want: toU0 },
  {
    why: 'a missing Maildir in an account directory that is there',
    files: { [`${domain}/u0/Maildir`]: null },
    want: 'defer 451 4.3.0 can not open new email file. (#4.3.0)',
  },
  {
    why: 'a Maildir without tmp',
    files: { [`${domain}/u0/Maildir/tmp`]: null },
    want: 'defer 451 4.3.0 can not open new email file. (#4.3.0)',
  },
  {
    why: 'a missing domain directory',
    files: { [domain]: null },
    want: 'defer 451 4.3.0 Unable to switch to the home directory.',
  },
  {
    why: 'no user database',
    files: { [`${domain}/vpasswd`]: null, [`${domain}/vpasswd.cdb`]: null },
    want: 'defer 451 4.3.0 temporary trouble with the user database of this domain',
  },
  {
    why: 'a user database that is none',
    files: { [`${domain}/vpasswd.cdb`]: 'notacdb\n' },
    want: 'defer 451 4.3.0 temporary trouble with a file of this host. (#4.3.0)',
  },
  {
    why: 'users/cdb is missing beside assign',
    files: { '/var/qmail/users/cdb': null },
    want: 'defer 451 4.3.0 temporary trouble with the user database of this host',
  },
];

for (const { why, recipient = 'u0@example.jp', files = {}, settings, want } of rows) {
  test(why, async (t) => {
    const layout = host(t);
    write(layout, files);
    const { outcome } = await resolve(layout, recipient, settings);
    assert.equal(told(layout, outcome), want);
  });
}

test('a locked account', async (t) => {
  const layout = host(t, { flags: '16' });
  const { outcome } = await resolve(layout, 'u0-x@example.jp');
  assert.equal(told(layout, outcome), 'refuse 550 5.2.1 account is locked email bounced u0-x@example.jp (#5.2.1)');
});

test('a full mailbox', async (t) => {
  const layout = host(t, { quota: '1000S,5C' });
  const size = path.join(maildirOf(layout, 0), 'maildirsize');
  const state = async (text: string, settings: DeliverySettings = {}, declaredSizeBytes = 0): Promise<string> => {
    fs.writeFileSync(size, text);
    fs.rmSync(path.join(maildirOf(layout, 0), 'quotawarn'), { force: true });
    const delivery = createDelivery(openHost(layout), settings);
    return told(layout, (await delivery.resolve('u0@example.jp', { declaredSizeBytes })).outcome);
  };
  const over = 'refuse 552 5.2.2 user is over quota (#5.2.2)';
  assert.equal(await state('1000S,5C\n900 4\n'), toU0, 'room for one more');
  assert.equal(await state('1000S,5C\n900 5\n'), over, 'as many messages as may be');
  assert.equal(await state('1000S,5C\n1001 2\n'), over, 'more bytes than may be');
  assert.equal(await state('1000S,5C\n900 2\n', {}, 200), over, 'no room for what was declared');
  assert.equal(await state('1000S,5C\n900 2\n', {}, 104), toU0, 'the declared size counts CR LF, the stored one LF');
  assert.equal(
    await state('1000S,5C\n900 5\n', { whenOverQuota: 'defer' }),
    'defer 452 4.2.2 user is over quota (#4.2.2)',
  );
  assert.equal(await state('1000S,5C\n900 2\n900 3\n'), toU0, 'sums are counted anew before anybody is refused');
  assert.equal(fs.readFileSync(size, 'latin1'), '1000S,5C\n0 0\n');
  fs.writeFileSync(path.join(domainDirectory(layout), '.over-quota.msg'), 'Full.\nTry later.\n');
  assert.equal(await state('1000S,5C\n900 5\n'), 'refuse 552 5.2.2 Full. Try later. (#5.2.2)');
});

test('a system user and alias', async (t) => {
  const layout = host(t);
  const me = fs.statSync(layout.root).uid;
  write(layout, {
    '/var/qmail/control/locals': 'mx.example.jp\n',
    '/etc/passwd': `joe:x:${me === 0 ? 7001 : me}:7001::/home/joe:\nroot:x:0:0::/root:\nalias:x:6001:6000::/var/qmail/alias:\n`,
    '/home/joe/.qmail': './Maildir/\n',
    '/home/joe/.qmail-a-default': './Maildir/\n',
    '/home/joe/Maildir/new/.keep': '',
    '/home/joe/Maildir/tmp/.keep': '',
    '/var/qmail/alias/.qmail-postmaster': './Maildir/\n',
    '/var/qmail/alias/Maildir/new/.keep': '',
    '/var/qmail/alias/Maildir/tmp/.keep': '',
  });
  if (me === 0) fs.chownSync(layout.disk('/home/joe'), 7001, 7001);
  const ask = async (recipient: string): Promise<string> => told(layout, (await resolve(layout, recipient)).outcome);
  assert.equal(await ask('joe@mx.example.jp'), 'deliver /home/joe/Maildir as joe@mx.example.jp');
  assert.equal(await ask('JOE-a-b@mx.example.jp'), 'deliver /home/joe/Maildir as JOE-a-b@mx.example.jp');
  assert.equal(await ask('joe-b@mx.example.jp'), unknown, 'no file for the extension');
  assert.equal(await ask('root@mx.example.jp'), unknown, 'root is alias, which has no file for it');
  assert.equal(await ask('postmaster@mx.example.jp'), 'deliver /var/qmail/alias/Maildir as postmaster@mx.example.jp');
  const users = fs.readFileSync(layout.systemFiles.passwd, 'latin1');
  write(layout, { '/etc/passwd': users.replace(':/home/joe:', ':home/joe:') });
  assert.equal(await ask('joe@mx.example.jp'), unknown, 'a home that is not absolute is none: joe is alias');
  write(layout, { '/etc/passwd': users.replace(':/var/qmail/alias:', '::') });
  assert.equal(
    await ask('postmaster@mx.example.jp'),
    'defer 451 4.3.5 temporary trouble with this mailbox. (#4.3.5)',
    'the home of alias is not absolute',
  );
  write(layout, { '/etc/passwd': 'root:x:0:0::/root:\n' });
  assert.equal(await ask('postmaster@mx.example.jp'), 'defer 451 4.3.0 Unable to find alias user! (#4.3.0)');
});

test('the owner is told also when the files cannot be read, so that a process of that owner can be asked', async (t) => {
  const layout = host(t);
  fs.rmSync(domainDirectory(layout), { recursive: true });
  const resolution = await resolve(layout, 'u0@example.jp');
  assert.equal(resolution.outcome.kind, 'defer');
  assert.notEqual(resolution.owner, undefined);
});

test('a change of the files is seen by the very next question', async (t) => {
  const layout = host(t);
  const delivery = createDelivery(openHost(layout));
  const ask = async (recipient: string): Promise<string> => told(layout, (await delivery.resolve(recipient)).outcome);
  assert.equal(await ask('u0@example.jp'), toU0);
  write(layout, { [accountFile]: '&x@example.org\n' });
  assert.equal(await ask('u0@example.jp'), 'queue forward');
  write(layout, { [accountFile]: null, [`${domain}/.qmail-u0`]: '# gone\n' });
  assert.equal(await ask('u0@example.jp'), 'discard');
  write(layout, { [`${domain}/.qmail-u0`]: null, [defaultFile]: vdelivermail('delete') });
  assert.equal(await ask('nobody@example.jp'), 'discard');
  write(layout, { [defaultFile]: vdelivermail('bounce-no-mailbox') });
  assert.equal(await ask('nobody@example.jp'), unknown);
});
