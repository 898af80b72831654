// vdelivermail's work, done: from the address that qmail-local found to the exit code (formats/vpopmail.md 4.3 to 4.8). The program and the queue's local deliveries share
// it; what would become of a message before it is there is delivery/resolution/vpopmail-account.
//
//   EXT, HOST      lower case; HOST of an alias domain becomes the real one; a message that was delivered to EXT@HOST before loops
//   account        named EXT, else what stands before the first `-` of EXT
//   found          locked: refused; its .qmail, if it has one, line by line; else its Maildir, within its quota
//   not found      the second argument: bounce-no-mailbox, delete, a directory, or one line as in a .qmail
//
// Instructions are done in order, each before the next is looked at; what was done before one that fails stays done, and will be done again. Exit codes: 0, 99 (a
// program said so), 100 for good, 111 for now, each with the original's words.
// Not copied: a look-up that fails is 111 ("no such user" in the original); so are an account directory that cannot be made and a disk that is full for this uid;
// the message's head may be longer than 300 bytes.

import fs from 'node:fs';
import { CorruptFileError, describe, errnoOf, TemporaryError } from '../../errors.js';
import { bytesPath } from '../../files/read.js';
import {
  type AccountInstruction,
  accountDotQmailNames,
  accountInstruction,
} from '../../formats/dot-qmail/account-dot-qmail.js';
import { hasFlag } from '../../formats/vpopmail/vpasswd-flags.js';
import { accountFiles } from '../../layout.js';
import { lower } from '../../mail/address.js';
import type { Account, Domain } from '../../stores/domains/domain.js';
import type { Host } from '../../stores/host.js';
import type { MessageSource } from '../local/message-source.js';
import { QuotaKeeper } from '../quota.js';
import { AccountFiles } from '../resolution/account-files.js';
import { addressOfMaildir } from '../resolution/account-lines.js';
import { withoutFinalSlash } from '../resolution/assignment.js';
import type { MaildirTarget, Owner } from '../resolution/resolution.js';
import { findVpopmailAccount, isDomainName, isUserName } from '../resolution/vpopmail-account.js';
import { intoMaildir } from './into-maildir.js';
import { Stop } from './stop.js';

/** What vdelivermail has of its caller. Latin-1. */
export interface VdelivermailRequest {
  /** EXT and HOST of qmail-local's environment. */
  readonly extension: string;
  readonly hostName: string;
  /** Its second argument. */
  readonly argument: string;
  /** RPLINE and DTLINE with their line feeds; undefined where they are not set. */
  readonly returnPath: string | undefined;
  readonly deliveredTo: string | undefined;
  /** Where it was started, which is the domain's directory (host path). */
  readonly directory: string;
  /** As whom. */
  readonly owner: Owner;
}

/** What it does besides writing into Maildirs. */
export interface VdelivermailActs {
  /** Writes to standard output, where qmail-local's report is made of it. */
  say(output: string | Buffer): void;
  /**
   * Gives a command to sh with the message, wound back, as its input.
   * @param directory disk path
   * @returns its exit status; undefined when a signal ended it
   */
  run(command: string, directory: string): Promise<number | undefined>;
  /**
   * Sends the message on.
   * @param head the lines above it, the Return-Path that names its sender and a Delivered-To
   * @returns undefined when it is on its way, else the exit code; why it is not has been said
   */
  forward(address: string, head: string): Promise<number | undefined>;
}

/** One recipient's delivery, by now named as vpopmail names it. */
interface Delivery extends VdelivermailRequest {
  readonly host: Host;
  readonly quotas: QuotaKeeper;
  readonly files: AccountFiles;
  readonly message: MessageSource;
  readonly acts: VdelivermailActs;
  readonly domain: Domain | undefined;
  readonly ext: string;
  /** `EXT@domain`. */
  readonly shown: string;
  /** The Delivered-To lines that the message has, and DTLINE, lower case, without LF. */
  readonly deliveredBefore: ReadonlySet<string>;
}

/** Delivers to one address. Never rejects for trouble with the host's files. @returns the exit code */
export async function runVdelivermail(
  host: Host,
  request: VdelivermailRequest,
  message: MessageSource,
  acts: VdelivermailActs,
): Promise<number> {
  try {
    return await deliver(await begin(host, request, message, acts));
  } catch (error) {
    if (error instanceof Stop) {
      if (error.output.length > 0) acts.say(error.output);
      return error.exitCode;
    }
    const isTrouble = error instanceof TemporaryError || error instanceof CorruptFileError;
    if (!isTrouble && errnoOf(error) === undefined) throw error;
    acts.say(`${describe(error)}\n`);
    return 111;
  }
}

async function begin(
  host: Host,
  request: VdelivermailRequest,
  message: MessageSource,
  acts: VdelivermailActs,
): Promise<Delivery> {
  const ext = lower(request.extension);
  const hostName = lower(request.hostName);
  if (!isUserName(ext)) throw new Stop(100, 'invalid username\n');
  if (!isDomainName(hostName)) throw new Stop(100, 'invalid domain name\n');
  const domain = host.domain(hostName);
  if (domain !== undefined && !mayDeliver(domain, request.owner.uid))
    throw new Stop(
      111,
      `vdelivermail: running as uid ${request.owner.uid}, but ${domain.name} belongs to uid ${domain.uid}\n`,
    );
  const ownLine = request.deliveredTo?.replace(/\n.*$/s, '') ?? '';
  const deliveredBefore = new Set([...(await message.deliveredToLines('all')), ownLine].map(lower));
  const shown = `${ext}@${domain?.name ?? hostName}`;
  const shared = { host, message, acts, quotas: new QuotaKeeper(host), files: new AccountFiles() };
  return { ...request, ...shared, domain, ext, shown, deliveredBefore };
}

/** root, the domain's own uid, and in a tree of an ordinary user's whoever owns the domain's directory. */
function mayDeliver(domain: Domain, uid: number): boolean {
  if (uid === 0 || uid === domain.uid) return true;
  return fs.statSync(bytesPath(domain.directory), { throwIfNoEntry: false })?.uid === uid;
}

async function deliver(delivery: Delivery): Promise<number> {
  checkLoop(delivery, delivery.shown);
  const account = findVpopmailAccount(delivery.domain, delivery.ext);
  if (account === undefined) return toNobody(delivery);
  if (hasFlag(account.gid, 'BOUNCE_MAIL'))
    throw new Stop(100, `vdelivermail: account is locked email bounced ${delivery.shown}\n`);
  if (account.directory === '') throw new Stop(111, `vdelivermail: ${delivery.shown} has no directory in vpasswd\n`);
  return toAccount(delivery, account);
}

/** vdelivermail's own test: a whole line, letters in either case. */
function checkLoop({ deliveredBefore }: Delivery, address: string): void {
  if (deliveredBefore.has(lower(`Delivered-To: ${address}`))) throw new Stop(100, 'mail is looping\n');
}

async function toAccount(delivery: Delivery, account: Account): Promise<number> {
  const { directory, hostDirectory } = account;
  const isThere = fs.statSync(bytesPath(directory), { throwIfNoEntry: false }) !== undefined;
  const followed = isThere ? await followFile(delivery, { directory, hostDirectory }) : undefined;
  if (followed !== undefined) return followed;
  const deliveredTo = addressOfMaildir(`${hostDirectory}/Maildir`) ?? `${account.name}@${account.domain}`;
  const target = targetOf(delivery, accountFiles.maildir(directory), deliveredTo, account.quota);
  await into(delivery, isThere ? target : { ...target, missingHome: directory });
  return 0;
}

/** Does what a directory's .qmail says. undefined: there is none, or an empty one, and the Maildir counts. */
async function followFile(
  delivery: Delivery,
  place: { readonly directory: string; readonly hostDirectory: string },
): Promise<number | undefined> {
  const dash = delivery.ext.indexOf('-');
  const userExtension = dash < 0 ? '' : delivery.ext.slice(dash + 1);
  for (const suffix of accountDotQmailNames(userExtension)) {
    const lines = delivery.files.read(place.directory, suffix);
    if (lines === undefined) continue;
    if (lines.length === 0) return undefined;
    for (const line of lines) {
      const end = await doLine(delivery, place.hostDirectory, line.text, line);
      if (end !== undefined) return end;
    }
    return 0;
  }
  return undefined;
}

async function toNobody(delivery: Delivery): Promise<number> {
  const { argument, domain, acts, host } = delivery;
  if (argument === 'delete') return 0;
  if (argument === 'bounce-no-mailbox') {
    const usual = 'Sorry, no mailbox here by that name. (#5.1.1)\n';
    throw new Stop(100, domain?.text('.no-user.msg') ?? usual);
  }
  if (!argument.startsWith('/'))
    return (await doLine(delivery, delivery.directory, argument, accountInstruction(argument))) ?? 0;
  acts.say(`user does not exist, but will deliver to ${withFinalSlash(argument)}\n`);
  const hostDirectory = withoutFinalSlash(argument);
  const directory = host.layout.disk(hostDirectory);
  const followed = await followFile(delivery, { directory, hostDirectory });
  if (followed !== undefined) return followed;
  const maildir = accountFiles.maildir(directory);
  await into(delivery, targetOf(delivery, maildir, delivery.shown, { from: 'maildirsize' }));
  return 0;
}

function withFinalSlash(path: string): string {
  return path.endsWith('/') ? path : `${path}/`;
}

/** Does one line. @param hostDirectory where programs run and relative paths begin @returns the exit code where the line ends the delivery */
async function doLine(
  delivery: Delivery,
  hostDirectory: string,
  text: string,
  line: AccountInstruction,
): Promise<number | undefined> {
  const { host, acts } = delivery;
  if (line.kind === 'comment') return undefined;
  checkLoop(delivery, text.replace(/^&/, ''));
  switch (line.kind) {
    case 'maildir': {
      const maildir = withoutFinalSlash(host.layout.disk(resolvePath(hostDirectory, line.path)));
      const deliveredTo = addressOfMaildir(host.layout.host(maildir)) ?? delivery.shown;
      await into(delivery, targetOf(delivery, maildir, deliveredTo, { from: 'maildirsize' }));
      return undefined;
    }
    case 'mbox':
      throw new Stop(111, `can't handle mbox delivery for ${line.path}`);
    case 'program':
      return programEnd(await acts.run(line.command, host.layout.disk(hostDirectory)));
    case 'forward':
      return acts.forward(line.address, forwardHead(delivery, line.address));
  }
}

function resolvePath(hostDirectory: string, written: string): string {
  return written.startsWith('/') ? written : `${hostDirectory}/${written}`;
}

/** sysexits that will not change, as qmail-local knows them. */
const permanentExits: ReadonlySet<number | undefined> = new Set([64, 65, 70, 76, 77, 78, 100, 112]);

function programEnd(status: number | undefined): number | undefined {
  if (status === 0) return undefined;
  if (status === 99) return 99;
  throw new Stop(permanentExits.has(status) ? 100 : 111, '');
}

/**
 * The lines above a forwarded message: RPLINE, by which qmail-inject knows the sender, and a Delivered-To with the address of DTLINE without as many bytes in front as
 * `@domain` has, which drops the prefix of a domain that is its own prefix.
 */
function forwardHead({ returnPath, deliveredTo = '' }: Delivery, address: string): string {
  const value = deliveredTo.slice('Delivered-To: '.length).replace(/\n$/, '');
  const traced = value.slice(value.length - value.indexOf('@'));
  const shown = deliveredTo.length < 15 || !value.includes('@') || traced === '' ? address : traced;
  return `${returnPath ?? ''}Delivered-To: ${shown}\n`;
}

function targetOf(
  { domain, owner, host, directory }: Delivery,
  maildir: string,
  deliveredTo: string,
  quota: MaildirTarget['quota'],
): MaildirTarget {
  const domainDirectory = domain?.directory ?? host.layout.disk(directory);
  // root delivers as the domain, whose mail it is.
  const { uid, gid } = owner.uid === 0 && domain !== undefined ? domain : owner;
  const style = 'vdelivermail';
  return { maildir, style, deliveredTo, owner: { uid, gid }, domainDirectory, ...(quota !== undefined && { quota }) };
}

function into({ host, quotas, message, acts, domain, returnPath }: Delivery, target: MaildirTarget): Promise<void> {
  // A RPLINE that is not set is written so by the original, too.
  const head = Buffer.from(`${returnPath ?? '(null)'}Delivered-To: ${target.deliveredTo}\n`, 'latin1');
  return intoMaildir({ layout: host.layout, quotas, message, acts, domain, head }, target);
}
