// qmail-showctl: what the control files say, in words, as the original; where it tells what was compiled into qmail, this host's own queue and accounts are looked at.
//
//   concurrencylocal: (Default.) Local concurrency is 10.

import fs from 'node:fs';
import path from 'node:path';
import { SystemAccounts } from '../../files/accounts.js';
import { bytesPath, readIfPresent } from '../../files/read.js';
import { parseLine, parseList, parseNumber } from '../../formats/controls/control-file.js';
import { QueueFiles } from '../../queue/files.js';
import { QueueTree } from '../../queue/tree.js';
import type { ToolIo } from '../tool-io.js';

type Row =
  | {
      readonly kind: 'line';
      readonly name: string;
      readonly otherwise: string;
      readonly orMe: boolean;
      readonly says: string;
    }
  | {
      readonly kind: 'number';
      readonly name: string;
      readonly otherwise: string;
      readonly says: string;
      readonly unit: string;
    }
  | {
      readonly kind: 'list';
      readonly name: string;
      readonly none: string;
      readonly before: string;
      readonly behind: string;
    };

const line = (name: string, says: string, otherwise = name, orMe = true): Row => ({
  kind: 'line',
  name,
  otherwise,
  orMe,
  says,
});
const number = (name: string, otherwise: string, says: string, unit = ''): Row => ({
  kind: 'number',
  name,
  otherwise,
  says,
  unit,
});
const list = (name: string, none: string, before: string, behind: string): Row => ({
  kind: 'list',
  name,
  none,
  before,
  behind,
});

const taken = 'SMTP clients may send messages to recipients at ';
const first: readonly Row[] = [
  list('badmailfrom', 'Any MAIL FROM is allowed.', '', ' not accepted in MAIL FROM.'),
  line('bouncefrom', 'Bounce user name is ', 'MAILER-DAEMON', false),
  line('bouncehost', 'Bounce host name is '),
  number('concurrencylocal', '10', 'Local concurrency is '),
  number('concurrencyremote', '20', 'Remote concurrency is '),
  number('databytes', '0', 'SMTP DATA limit is ', ' bytes'),
  line('defaultdomain', 'Default domain name is '),
  line('defaulthost', 'Default host name is '),
  line('doublebouncehost', '2B recipient host: '),
  line('doublebounceto', '2B recipient user: ', 'postmaster', false),
  line('envnoathost', 'Presumed domain name is '),
  line('helohost', 'SMTP client HELO host name is '),
  line('idhost', 'Message-ID host name is '),
  line('localiphost', 'Local IP address becomes '),
  list('locals', 'Messages for me are delivered locally.', 'Messages for ', ' are delivered locally.'),
  line('me', 'My name is ', 'undefined! Uh-oh', false),
  list('percenthack', 'The percent hack is not allowed.', 'The percent hack is allowed for user%host@', '.'),
  line('plusdomain', 'Plus domain name is '),
  list('qmqpservers', 'No QMQP servers.', 'QMQP server: ', '.'),
  number('queuelifetime', '604800', 'Message lifetime in the queue is ', ' seconds'),
  list('rcpthosts', 'SMTP clients may send messages to any recipient.', taken, '.'),
];
const last: readonly Row[] = [
  line('smtpgreeting', 'SMTP greeting: 220 '),
  list('smtproutes', 'No artificial SMTP routes.', 'SMTP route: ', ''),
  number('timeoutconnect', '60', 'SMTP client connection timeout is ', ' seconds'),
  number('timeoutremote', '1200', 'SMTP client data timeout is ', ' seconds'),
  number('timeoutsmtpd', '1200', 'SMTP server data timeout is ', ' seconds'),
  list('virtualdomains', 'No virtual domains.', 'Virtual domain: ', ''),
];
const moreAlone = list('morercpthosts', 'No effect.', taken, '.');
const moreIrrelevant = list(
  'morercpthosts',
  'No rcpthosts; morercpthosts is irrelevant.',
  "No rcpthosts; doesn't matter that morercpthosts has ",
  '.',
);
const known: ReadonlySet<string> = new Set([
  ...[...first, ...last].map(({ name }) => name),
  'morercpthosts',
  'morercpthosts.cdb',
]);

/** The tool. @returns its exit code */
export async function qmailShowctl(_args: string[], io: ToolIo): Promise<number> {
  io.stdout(await compiledIn(io));
  let names: string[];
  try {
    names = fs.readdirSync(bytesPath(io.layout.controlDirectory), { encoding: 'latin1' });
  } catch {
    io.stdout('Oops! Unable to chdir to control.\n');
    return 111;
  }
  const me = read(io, 'me');
  if (me === 'trouble') {
    io.stdout('Oops! Trouble reading control/me.');
    return 111;
  }
  const ownName = me === undefined ? undefined : parseLine(me);
  const hasRcptHosts = read(io, 'rcpthosts') !== undefined;
  for (const row of [...first, hasRcptHosts ? moreAlone : moreIrrelevant]) io.stdout(told(io, row, ownName));
  io.stdout(`\nmorercpthosts.cdb: ${aboutCdb(io)}\n`);
  for (const row of last) io.stdout(told(io, row, ownName));
  for (const name of names) if (!known.has(name)) io.stdout(`\n${name}: I have no idea what this file does.\n`);
  return 0;
}

async function compiledIn({ layout }: ToolIo): Promise<string> {
  const accounts = new SystemAccounts(layout);
  const uids = ['alias', 'qmaild', 'qmaill', 'root', 'qmailp', 'qmailq', 'qmailr', 'qmails'].map(
    (name) => accounts.user(name)?.uid ?? 'unknown',
  );
  const gids = ['nofiles', 'qmail'].map((name) => accounts.group(name)?.gid ?? 'unknown');
  const tree = await QueueTree.open(layout, new QueueFiles()).catch(() => undefined);
  return [
    `qmail home directory: ${layout.host(layout.qmail)}.`,
    'user-ext delimiter: -.',
    'paternalism (in decimal): 2.',
    'silent concurrency limit: 120.',
    `subdirectory split: ${tree?.split ?? 23}.`,
    `user ids: ${uids.join(', ')}.`,
    `group ids: ${gids.join(', ')}.`,
    '',
  ].join('\n');
}

function told(io: ToolIo, row: Row, me: string | undefined): string {
  const bytes = read(io, row.name);
  const head = `\n${row.name}: `;
  if (bytes === 'trouble') return `${head}Oops! Trouble reading this file.\n`;
  if (row.kind === 'list') {
    if (bytes === undefined) return `${head}(Default.) ${row.none}\n`;
    return `${head}\n${parseList(bytes)
      .map((entry) => `${row.before}${shown(entry)}${row.behind}\n`)
      .join('')}`;
  }
  if (row.kind === 'number') {
    const value = bytes === undefined ? undefined : parseNumber(bytes);
    const text = value === undefined ? row.otherwise : String(Math.max(0, value));
    return `${head}${value === undefined ? '(Default.) ' : ''}${row.says}${text}${row.unit}.\n`;
  }
  if (bytes !== undefined) return `${head}${row.says}${shown(parseLine(bytes))}.\n`;
  return `${head}(Default.) ${row.says}${shown((row.orMe ? me : undefined) ?? row.otherwise)}.\n`;
}

function aboutCdb({ layout }: ToolIo): string {
  const changed = (name: string): number | undefined =>
    fs.statSync(bytesPath(path.join(layout.controlDirectory, name)), { throwIfNoEntry: false })?.mtimeMs;
  const [text, cdb] = [changed('morercpthosts'), changed('morercpthosts.cdb')];
  if (text === undefined)
    return cdb === undefined ? '(Default.) No effect.' : "Oops! morercpthosts.cdb exists but morercpthosts doesn't.";
  if (cdb === undefined) return "Oops! morercpthosts exists but morercpthosts.cdb doesn't.";
  if (Math.floor(text / 1000) > Math.floor(cdb / 1000)) return 'Oops! morercpthosts.cdb is older than morercpthosts.';
  return 'Modified recently enough; hopefully up to date.';
}

function read({ layout }: ToolIo, name: string): Buffer | 'trouble' | undefined {
  try {
    return readIfPresent(layout.control(name));
  } catch {
    return 'trouble';
  }
}

function shown(text: string): string {
  return text.replace(/[^ -~]/g, '?');
}
