// Where does a recipient's mail go? The way that qmail-send, qmail-lspawn and qmail-local would take it, walked without a message (formats/qmail.md 4.2, 5.2, 6):
//
//   recipient             test@mailtest.example.jp
//   rewritten             mailtest.example.jp-test@mailtest.example.jp             locals, virtualdomains, percenthack: local or remote
//   assigned              /home/vpopmail/domains/mailtest.example.jp, - , test     users/cdb, else a system user, else alias
//   instructed            .qmail-test, else .qmail-default                         lines, one of which may be vdelivermail's (delivery/vpopmail-account)
//
// The files are read anew for every recipient, so an answer is as fresh as the disk. Trouble with a file is a deferral, never "no such mailbox". All instructions of a
// file must be ones that end in a Maildir (or in nothing): one line that needs the queue makes the recipient one for the queue. Where qmail-local would do
// its lines one after another and repeat the first after a later failure, nothing is done here unless all can be.

import path from 'node:path';
import { CorruptFileError, describe, TemporaryError } from '../errors.js';
import { rewrite } from '../formats/address-rewriting.js';
import { type DotQmailLine, dotQmailNames, parseVdelivermail } from '../formats/dot-qmail.js';
import { lower, splitAddress } from '../mail/address.js';
import type { DotQmailFile } from '../stores/dot-qmail.js';
import type { Host } from '../stores/host.js';
import { maildirProblem } from '../stores/maildir.js';
import { combine, defer, deliverTo, discard, needsQueue, refuse } from './outcomes.js';
import type { Outcome, Owner, Resolution } from './resolution.js';
import { resolveVdelivermail } from './vpopmail-account.js';

/** Tells one step of the way and why; for `vqmail route`. */
export type Explain = (step: string) => void;

/** How often a catch-all address may lead to another before that is called a loop. */
const longestChain = 10;

/** What is known on the way to a recipient's mailbox. */
export interface Way {
  readonly host: Host;
  readonly explain: Explain;
  /** Resolves the address that a catch-all names, one step deeper. */
  follow(address: string): Resolution;
}

/** What an assignment says about the recipient: qmail-local's arguments. */
export interface LocalRecipient {
  readonly user: string;
  readonly owner: Owner;
  /** Disk path and host path of the home directory. */
  readonly directory: string;
  readonly hostDirectory: string;
  readonly dash: string;
  readonly extension: string;
  /** The rewritten address, whole. */
  readonly address: string;
  /** Its domain. */
  readonly domain: string;
}

/**
 * Answers what would become of a message for this recipient (Latin-1, as qmail-smtpd understood it). Never throws for trouble with the host's files: that is
 * an outcome `defer`.
 * @param explain is told each step
 */
export function resolve(host: Host, recipient: string, explain: Explain = () => {}): Resolution {
  return follow(host, recipient, explain, 0);
}

function follow(host: Host, recipient: string, explain: Explain, depth: number): Resolution {
  if (depth > longestChain)
    return { recipient, outcome: defer('4.4.6', 'catch-all addresses lead in a circle', recipient) };
  const way: Way = { host, explain, follow: (address) => follow(host, address, explain, depth + 1) };
  try {
    return { recipient, ...walk(way, recipient) };
  } catch (error) {
    const outcome = trouble(error);
    explain(`temporary failure: ${describe(error)}`);
    return { recipient, outcome };
  }
}

type Found = Pick<Resolution, 'owner' | 'outcome'>;

function walk(way: Way, recipient: string): Found {
  const { host, explain } = way;
  const rewritten = rewrite(recipient, host.control.rewriting());
  if (rewritten.channel === 'remote') {
    explain(`${rewritten.complete}: in neither locals nor virtualdomains, so it is sent to another host`);
    return { outcome: needsQueue('remote', 'mail for other hosts') };
  }
  explain(
    rewritten.prefix === undefined
      ? `${rewritten.complete}: its domain is in control/locals`
      : `${rewritten.complete}: control/virtualdomains has ${rewritten.key || '(the empty key)'}, so it is delivered to ${rewritten.address}`,
  );
  const { local, domain = '' } = splitAddress(rewritten.address);
  if (local === '') return { outcome: refuse(550, '5.1.3', 'sorry, an address needs a name before the @. (#5.1.3)') };
  const found = assigned(way, local, { address: rewritten.address, domain });
  if ('outcome' in found) return found;
  return { owner: found.owner, outcome: qmailLocal(way, found) };
}

function assigned(way: Way, local: string, address: { address: string; domain: string }): LocalRecipient | Found {
  const { host, explain } = way;
  const assignment = host.users.find(local);
  if (assignment === undefined) return systemUser(way, local, address);
  const { user, uid, gid, dash, extension } = assignment;
  const hostDirectory = assignment.directory;
  explain(
    `users/cdb: ${assignment.isWildcard ? '+' : '='}${assignment.name} gives it to ${user}, uid ${uid}, gid ${gid}, in ${hostDirectory}`,
  );
  if (uid === 0) return { outcome: defer('4.3.0', 'Not allowed to perform deliveries as root. (#4.3.0)', 'uid 0') };
  const directory = host.layout.disk(hostDirectory);
  return { user, owner: { uid, gid }, directory, hostDirectory, dash, extension, ...address };
}

/** qmail-getpw's rules (formats/qmail.md 5.3). A user of the system gets its mail as that user, which the queue will do; the rest is alias's. */
function systemUser(way: Way, local: string, address: { address: string; domain: string }): LocalRecipient | Found {
  const { host, explain } = way;
  for (let cut = local.length; cut >= 0; cut--) {
    if (cut < local.length && local[cut] !== '-') continue;
    const name = lower(local.slice(0, cut));
    const user = name === '' || name.length > 31 ? undefined : host.accounts.user(name);
    if (user === undefined || user.uid === 0) continue;
    explain(`users/cdb has no entry for ${local}; it is the system user ${user.name}`);
    return {
      owner: { uid: user.uid, gid: user.gid },
      outcome: needsQueue('system-user', `mail for the system user ${user.name}`),
    };
  }
  const alias = host.accounts.user('alias');
  if (alias === undefined)
    return { outcome: defer('4.3.0', 'Unable to find alias user! (#4.3.0)', 'no user named alias') };
  explain(`users/cdb has no entry for ${local}, and no system user is called so; alias gets it`);
  const hostDirectory = host.layout.host(host.layout.alias);
  const owner = { uid: alias.uid, gid: alias.gid };
  return {
    user: 'alias',
    owner,
    directory: host.layout.alias,
    hostDirectory,
    dash: '-',
    extension: local,
    ...address,
  };
}

function qmailLocal(way: Way, recipient: LocalRecipient): Outcome {
  const { host, explain } = way;
  host.dotQmail.checkHome(recipient.directory);
  const file = dotQmailFor(way, recipient);
  if (file === undefined) {
    if (recipient.dash === '') return needsQueue('system-user', 'the default delivery of a user');
    explain(`${recipient.hostDirectory} has no .qmail file for it`);
    return refuse(550, '5.1.1', 'sorry, no mailbox here by that name. (#5.1.1)');
  }
  const shown = host.layout.host(file.path);
  if (file.bytes.length === 0) {
    explain(`${shown} is empty: the default delivery of qmail-start counts`);
    return needsQueue('system-user', "the host's default delivery");
  }
  const exact = [`Delivered-To: ${recipient.address.replaceAll('\n', '_')}`];
  const outcomes: Outcome[] = [];
  let forwardOnly = file.forwardOnly;
  for (const line of file.lines) {
    if (line.kind === 'list') forwardOnly = true;
    const outcome = instruction(way, recipient, line, forwardOnly);
    if (outcome !== undefined) explain(`${shown}:${line.number}: ${line.text}`);
    if (outcome !== undefined) outcomes.push(outcome);
  }
  if (outcomes.length === 0) {
    explain(`${shown} holds comments only: the mail is thrown away`);
    return discard(`${shown} holds comments only`, exact);
  }
  return combine(outcomes, exact);
}

function dotQmailFor(way: Way, recipient: LocalRecipient): DotQmailFile | undefined {
  for (const { suffix } of dotQmailNames(recipient.dash, recipient.extension)) {
    const file = way.host.dotQmail.read(recipient.directory, suffix);
    if (file !== undefined) return file;
  }
  return undefined;
}

/** What one line does; undefined for one that does nothing. */
function instruction(
  way: Way,
  recipient: LocalRecipient,
  line: DotQmailLine,
  forwardOnly: boolean,
): Outcome | undefined {
  switch (line.kind) {
    case 'blank-first-line':
      return defer('4.2.1', 'Uh-oh: first line of .qmail file is blank. (#4.2.1)', recipient.hostDirectory);
    case 'forward':
      return needsQueue('forward', 'a forward');
    case 'program':
      return program(way, recipient, line.command, forwardOnly);
    case 'mbox':
      return needsQueue('mbox', 'an mbox file');
    case 'maildir': {
      if (forwardOnly)
        return defer('4.7.0', 'Uh-oh: .qmail has file delivery but has x bit set. (#4.7.0)', recipient.hostDirectory);
      return maildirLine(way, recipient, line.path);
    }
    default:
      return undefined;
  }
}

function program(way: Way, recipient: LocalRecipient, command: string, forwardOnly: boolean): Outcome {
  if (forwardOnly)
    return defer('4.7.0', 'Uh-oh: .qmail has prog delivery but has x bit set. (#4.7.0)', recipient.hostDirectory);
  const vdelivermail = parseVdelivermail(command);
  if (vdelivermail === undefined) return needsQueue('program', 'a program');
  return resolveVdelivermail(way, recipient, vdelivermail.args[1]);
}

/** A Maildir line of qmail-local: its own naming, no quota. */
function maildirLine(way: Way, recipient: LocalRecipient, line: string): Outcome {
  const { layout } = way.host;
  const maildir = line.startsWith('/') ? layout.disk(line) : path.join(recipient.directory, line);
  const problem = maildirProblem(maildir.replace(/\/+$/, ''));
  if (problem !== undefined) {
    const missing = problem === 'missing';
    const text = missing ? 'Unable to chdir to maildir. (#4.2.1)' : 'Temporary error on maildir delivery. (#4.3.0)';
    return defer(missing ? '4.2.1' : '4.3.0', text, layout.host(maildir));
  }
  const { owner, address } = recipient;
  return deliverTo({ maildir: maildir.replace(/\/+$/, ''), style: 'qmail-local', deliveredTo: address, owner }, []);
}

/** What a thrown error means for a recipient: never a refusal. */
export function trouble(error: unknown): Outcome {
  if (error instanceof TemporaryError) {
    const code = error.status === '4.3.1' ? 452 : 451;
    return { kind: 'defer', code, status: error.status, text: error.message, cause: describe(error) };
  }
  const text = 'temporary trouble with a file of this host. (#4.3.0)';
  if (error instanceof CorruptFileError) return defer('4.3.0', text, describe(error));
  return defer('4.3.0', text, error instanceof Error ? (error.stack ?? error.message) : String(error));
}
