// What the daemon was told to do: the options of `vqmail serve`, checked, as one frozen value of plain data (it is sent to the session workers as it is).
//
// What the host's own files decide (control/*, access rules, vpasswd) is not here: that is looked up when it is needed.

import fs from 'node:fs';
import os from 'node:os';
import { type PasswordScheme, passwordScheme, passwordSchemes } from './auth/new-password.js';
import { PermanentError } from './errors.js';
import { bytesPath } from './files/read.js';
import type { LayoutOptions } from './layout.js';
import { type ConnectionLimitSettings, defaultConnectionLimits, parseNetworks } from './net/connection-limits.js';
import { type ListenAddress, parseListenAddress } from './net/listener.js';
import { TrustedPeers } from './net/trusted-peers.js';
import { type ImapOptions, type ImapSettings, parseImapSettings } from './servers/imap/settings.js';
import { defaultPolicy, type SubmissionPolicy } from './servers/smtp/submission/policy.js';
import type { CertificateFiles } from './stores/certificates/certificate.js';
import { isUidlForm, type UidlForm } from './stores/maildir/uidl.js';

/** Whether logins open the relay: `auto` where the host has ~vpopmail/etc/open-smtp. */
export type PopBeforeSmtpChoice = 'auto' | 'on' | 'off';
export type OverQuotaChoice = 'refuse' | 'defer';
/** Whether the host is watched: by what the kernel tells where it can, not at all, or by looking again and again. */
export type WatchChoice = 'auto' | 'off' | 'poll';
/** Who works on the queue: see processes/queue/service.ts. */
export type QueueChoice = 'auto' | 'beside' | 'instead' | 'off';
/** Mechanisms that need a clear password: while there are any, or as the administrator says. */
export type ChallengeChoice = 'auto' | 'on' | 'off';
/** Lines as qmail-send writes them, or one JSON object a line. */
export type LogFormat = 'text' | 'json';
const servedProtocols = [
  'smtp',
  'submission',
  'smtps',
  'lmtp',
  'pop3',
  'pop3s',
  'imap',
  'imaps',
  'auth',
  'postmap',
  'qmqp',
] as const;
export type ServedProtocol = (typeof servedProtocols)[number];

/** Whether `--listen` takes this protocol. */
export function isServedProtocol(name: string): name is ServedProtocol {
  return servedProtocols.some((served) => served === name);
}

export interface Settings {
  readonly layout: LayoutOptions;
  readonly listen: readonly ServedAddress[];
  /** Session workers; 0: one process does everything, with the uid it was started with. */
  readonly workers: number;
  readonly queue: QueueChoice;
  /** The deliveries that the queue may run at once on each channel, whatever concurrencylocal and concurrencyremote say: qmail's conf-spawn. */
  readonly spawnLimit: number;
  readonly logFormat: LogFormat;
  /** This host's name in Received lines, as tcpserver's -l sets it; undefined: control/me. */
  readonly localName: string | undefined;
  /** Whether clients' names are looked up in DNS, as tcpserver does without -H. */
  readonly resolveClientNames: boolean;
  readonly uidl: UidlForm;
  /** Whether a client may relay for three hours after a POP3 or IMAP login, as with vpopmail's roaming users. */
  readonly popBeforeSmtp: PopBeforeSmtpChoice;
  /** What a message is told that does not fit into the recipient's quota: for good, as vpopmail is built by default, or for now. */
  readonly whenOverQuota: OverQuotaChoice;
  /** What an empty .qmail means, as qmail-start's argument; undefined: control/defaultdelivery. */
  readonly defaultDelivery: string | undefined;
  /** What the map `transport` of the postmap listener gives; `lmtp`: the first lmtp listener; undefined: the first smtp listener, else the first lmtp one (`nextHopTo`). */
  readonly postmapTransport: string | undefined;
  readonly watch: WatchChoice;
  /** The program that is run for each change, an absolute path. */
  readonly onChange: string | undefined;
  /** Certificates of the command line, in order, before those of the host's own directory. Disk paths. */
  readonly tlsCertificates: readonly CertificateFiles[];
  /** Whether TLS 1.0 and 1.1 are spoken too. */
  readonly tlsOldClients: boolean;
  readonly limits: ConnectionLimitSettings;
  /** Proxies that say in a PROXY header for whom a connection is, and front ends that say so by XCLIENT: addresses, networks, `unix`. */
  readonly proxyFrom: readonly string[];
  readonly xclientFrom: readonly string[];
  /** Clients that may send a password without TLS besides those of the host itself: addresses, networks, `unix`. */
  readonly loginTrusted: readonly string[];
  /** The domain of logins that name none, where the address that the client came to has none either; undefined: ~vpopmail/etc/defaultdomain. */
  readonly defaultDomain: string | undefined;
  /** How long a password that was right is not computed again; 0: every time. */
  readonly loginCacheMs: number;
  /** The scheme by which right passwords are hashed anew; undefined: hashes stay. */
  readonly rehash: PasswordScheme | undefined;
  /** Whether good logins are logged too, as a vpopmail built with --enable-logging=y does. */
  readonly logLogins: boolean;
  /** Whether mechanisms are offered that need a clear password; auto: while accounts have any. */
  readonly challenges: ChallengeChoice;
  /** How many wrong logins of an address and of an account have no consequence (auth/guessing/limits.ts). */
  readonly guessLimits: { readonly freeOfAddress: number; readonly freeOfAccount: number };
  readonly imap: ImapSettings;
  /** What is asked of those who log in to send. */
  readonly submission: SubmissionPolicy;
  /** How long running sessions may go on after SIGTERM. */
  readonly drainMs: number;
}

export interface ServedAddress extends ListenAddress {
  readonly protocol: ServedProtocol;
}

/** The options of `serve` as the command line has them: texts, none of them checked. */
export interface ServeOptions extends ImapOptions {
  readonly listen?: readonly string[];
  readonly queue?: string;
  readonly spawnLimit?: string;
  readonly logFormat?: string;
  readonly workers?: string;
  readonly localName?: string;
  readonly resolveClientNames?: boolean;
  readonly uidl?: string;
  readonly popBeforeSmtp?: string;
  readonly overQuota?: string;
  readonly defaultDelivery?: string;
  readonly postmapTransport?: string;
  readonly watch?: string;
  readonly onChange?: string;
  /** Disk paths. */
  readonly tlsCertificates?: readonly CertificateFiles[];
  readonly tlsOldClients?: boolean;
  readonly maxConnections?: string;
  readonly maxConnectionsPerAddress?: string;
  readonly unlimited?: readonly string[];
  readonly proxyFrom?: readonly string[];
  readonly xclientFrom?: readonly string[];
  readonly loginTrusted?: readonly string[];
  readonly logLogins?: boolean;
  readonly defaultDomain?: string;
  readonly loginCache?: string;
  readonly rehash?: string;
  readonly challengeMechanisms?: string;
  readonly wrongLogins?: string;
  readonly senderCheck?: string;
  readonly fromCheck?: string;
  readonly hideClient?: boolean;
  readonly rateMessages?: string;
  readonly rateRecipients?: string;
  readonly maxSessionsPerUser?: string;
  readonly drainSeconds?: string;
}

const laterProtocols = 'admin metrics'.split(' ');
const classicPlaces = ['smtp=0.0.0.0:25', 'pop3=0.0.0.0:110'];

/**
 * Checks the options.
 * @param isRoot whether this process may change uids; without that there are no workers
 * @throws PermanentError with one line for the command line
 */
export function parseSettings(layout: LayoutOptions, options: ServeOptions, isRoot: boolean): Settings {
  return Object.freeze({
    layout,
    listen: (options.listen?.length ? options.listen : classicPlaces).map(parseServed),
    workers: parseWorkers(options.workers, isRoot),
    queue: oneOf('--queue', options.queue ?? 'auto', ['auto', 'beside', 'instead', 'off']),
    spawnLimit: parseNumber('--spawn-limit', options.spawnLimit, 120, 1, 65_535),
    logFormat: oneOf('--log-format', options.logFormat ?? 'text', ['text', 'json']),
    localName: options.localName,
    resolveClientNames: options.resolveClientNames ?? false,
    uidl: parseUidl(options.uidl ?? 'qmail'),
    popBeforeSmtp: oneOf('--pop-before-smtp', options.popBeforeSmtp ?? 'auto', ['auto', 'on', 'off']),
    whenOverQuota: oneOf('--over-quota', options.overQuota ?? 'refuse', ['refuse', 'defer']),
    defaultDelivery: options.defaultDelivery,
    postmapTransport: parseTransport(options.postmapTransport),
    ...parseWatch(options),
    tlsCertificates: options.tlsCertificates ?? [],
    tlsOldClients: options.tlsOldClients ?? false,
    limits: parseLimits(options),
    proxyFrom: parsePeers('--proxy-from', options.proxyFrom),
    xclientFrom: parsePeers('--xclient-from', options.xclientFrom),
    loginTrusted: parsePeers('--login-trusted', options.loginTrusted),
    defaultDomain: parseDomain(options.defaultDomain),
    loginCacheMs: 1000 * parseNumber('--login-cache', options.loginCache, 300, 0, 86_400),
    rehash: parseRehash(options.rehash),
    logLogins: options.logLogins ?? false,
    challenges: oneOf('--challenge-mechanisms', options.challengeMechanisms ?? 'auto', ['auto', 'on', 'off']),
    guessLimits: parseGuessLimits(options.wrongLogins ?? '10/10'),
    imap: parseImapSettings(options),
    submission: parseSubmission(options),
    drainMs: 1000 * parseNumber('--drain-seconds', options.drainSeconds, 30, 0, 86_400),
  });
}

/** The mode of a unix socket that none was asked for: what anybody may ask is for all. */
const openToAll = 0o666;
/** A queue takes mail from everybody on the machine at another place (layout.queueSocket); LMTP brings what a front end has let in; who may try passwords is said by whoever sets the socket up. */
const openToOwner = 0o600;
/** Of those that can listen at a path. */
const modes: Partial<Readonly<Record<ServedProtocol, number>>> = {
  lmtp: openToOwner,
  imap: openToOwner,
  auth: openToOwner,
  postmap: openToAll,
  qmqp: openToOwner,
};

function parseServed(text: string): ServedAddress {
  const { protocol, at, access } = parseListenAddress(text);
  const served = servedProtocols.find((name) => name === protocol);
  const list = `${servedProtocols.slice(0, -1).join(', ')} and ${servedProtocols.at(-1)}`;
  if (laterProtocols.includes(protocol))
    throw refuse(`--listen ${text}`, `${protocol} is not in this version; ${list} are`);
  if (served === undefined) throw refuse(`--listen ${text}`, `there is no protocol ${protocol}; ${list} are served`);
  if ('host' in at) {
    if (served === 'auth' && !isLoopback(at.host))
      throw refuse(`--listen ${text}`, 'passwords go over it in clear: auth listens at a path, or on loopback');
    return { protocol: served, at };
  }
  if ('inherited' in at) return { protocol: served, at };
  const mode = modes[served];
  if (mode === undefined) throw refuse(`--listen ${text}`, `${protocol} listens at ADDRESS:PORT, not at a path`);
  return { protocol: served, at, access: { mode, ...access } };
}

function isLoopback(host: string): boolean {
  return host === '::1' || host.startsWith('127.');
}

/** A next hop as Postfix's transport(5) has it: `smtp:[127.0.0.1]:10025`, `lmtp:unix:/run/lmtp`. */
function parseTransport(text: string | undefined): string | undefined {
  if (text === undefined || text === 'lmtp' || /^[!-9;-~]*:[!-~]*$/.test(text)) return text;
  throw refuse(`--postmap-transport ${text}`, 'write it as Postfix does, such as smtp:[127.0.0.1]:10025, or lmtp');
}

/** Where Postfix's processes stand, chrooted or not: what lies below is named from there. */
const postfixQueue = '/var/spool/postfix/';

/**
 * Where a Postfix on this machine sends what is for us; undefined when no listener that will do has a place yet.
 * @param wanted `lmtp`, or undefined for SMTP before LMTP; what else is wanted is said by the administrator
 */
export function nextHopTo(listeners: readonly ServedAddress[], wanted?: string): string | undefined {
  if (wanted !== undefined && wanted !== 'lmtp') return wanted;
  const hops = (protocol: 'smtp' | 'lmtp'): string[] =>
    listeners.flatMap((listener) => (listener.protocol === protocol ? (nextHop(listener) ?? []) : []));
  return wanted === undefined ? (hops('smtp')[0] ?? hops('lmtp')[0]) : hops('lmtp')[0];
}

function nextHop({ protocol, at }: ServedAddress): string | undefined {
  if ('path' in at)
    return `${protocol}:unix:${at.path.startsWith(postfixQueue) ? at.path.slice(postfixQueue.length) : at.path}`;
  if ('inherited' in at || at.port === 0) return undefined;
  const host = at.host === '0.0.0.0' ? '127.0.0.1' : at.host === '::' ? '::1' : at.host;
  return `${protocol}:${protocol === 'lmtp' ? 'inet:' : ''}[${host}]:${at.port}`;
}

function parsePeers(option: string, texts: readonly string[] = []): readonly string[] {
  try {
    new TrustedPeers(texts);
  } catch (error) {
    throw refuse(option, error instanceof Error ? error.message : String(error));
  }
  return texts;
}

function parseWorkers(text: string | undefined, isRoot: boolean): number {
  const wanted = parseNumber('--workers', text, os.availableParallelism(), 0, 1024);
  return isRoot ? wanted : 0;
}

function parseLimits(options: ServeOptions): ConnectionLimitSettings {
  const unlimited = options.unlimited ?? defaultConnectionLimits.unlimited;
  const limits = {
    maxConnections: parseNumber(
      '--max-connections',
      options.maxConnections,
      defaultConnectionLimits.maxConnections,
      1,
      1_000_000,
    ),
    maxConnectionsPerAddress: parseNumber(
      '--max-connections-per-address',
      options.maxConnectionsPerAddress,
      defaultConnectionLimits.maxConnectionsPerAddress,
      1,
      1_000_000,
    ),
    unlimited: unlimited.filter((text) => text !== 'none'),
  };
  try {
    parseNetworks(limits.unlimited);
  } catch (error) {
    throw refuse('--unlimited', error instanceof Error ? error.message : String(error));
  }
  return limits;
}

function parseDomain(text: string | undefined): string | undefined {
  if (text === undefined || /^[-.0-9A-Za-z]+$/.test(text)) return text?.toLowerCase();
  throw refuse(`--default-domain ${text}`, 'a domain such as example.jp is needed');
}

function parseRehash(text: string | undefined): PasswordScheme | undefined {
  const scheme = text === undefined ? undefined : passwordScheme(text);
  if (text === undefined || (scheme !== undefined && scheme !== 'des')) return scheme;
  const known = passwordSchemes.filter((name) => name !== 'des').join(', ');
  throw refuse(`--rehash ${text}`, `choose one of ${known}`);
}

function parseSubmission(options: ServeOptions): SubmissionPolicy {
  const number = (option: string, text: string | undefined, otherwise: number, least: number): number =>
    parseNumber(option, text, otherwise, least, 1_000_000);
  const { senderCheck, fromCheck, messagesPerHour, recipientsPerHour, sessionsPerUser, hidesClient } = defaultPolicy;
  return {
    senderCheck: oneOf('--sender-check', options.senderCheck ?? senderCheck, ['own', 'domain', 'any']),
    fromCheck: oneOf('--from-check', options.fromCheck ?? fromCheck, ['own', 'domain', 'any']),
    hidesClient: options.hideClient ?? hidesClient,
    messagesPerHour: number('--rate-messages', options.rateMessages, messagesPerHour, 0),
    recipientsPerHour: number('--rate-recipients', options.rateRecipients, recipientsPerHour, 0),
    sessionsPerUser: number('--max-sessions-per-user', options.maxSessionsPerUser, sessionsPerUser, 1),
  };
}

/** No address and no account comes to so many. */
const noLimit = 1_000_000_000;

function parseGuessLimits(text: string): Settings['guessLimits'] {
  if (text === 'any') return { freeOfAddress: noLimit, freeOfAccount: noLimit };
  const [, address, account] = /^([1-9]\d{0,8})\/([1-9]\d{0,8})$/.exec(text) ?? [];
  if (address === undefined || account === undefined)
    throw refuse(`--wrong-logins ${text}`, 'write it as PER-ADDRESS/PER-ACCOUNT, such as 10/10, or any');
  return { freeOfAddress: Number(address), freeOfAccount: Number(account) };
}

function parseWatch(options: ServeOptions): Pick<Settings, 'watch' | 'onChange'> {
  const watch = oneOf('--watch', options.watch ?? 'auto', ['auto', 'off', 'poll']);
  const { onChange } = options;
  if (onChange === undefined) return { watch, onChange };
  if (watch === 'off') throw refuse('--on-change', 'with --watch off nothing is told; leave one of them out');
  checkProgram('--on-change', onChange);
  return { watch, onChange };
}

/** @throws PermanentError unless a file stands there that somebody may execute */
export function checkProgram(option: string, program: string): void {
  const status = fs.statSync(bytesPath(program), { throwIfNoEntry: false });
  if (status?.isFile() && (status.mode & 0o111) !== 0) return;
  throw refuse(`${option} ${program}`, 'there is no such program');
}

function parseUidl(text: string): UidlForm {
  if (isUidlForm(text)) return text;
  throw refuse(`--uidl ${text}`, 'choose one of qmail, dovecot, courier, or dovecot:FORMAT with its pop3_uidl_format');
}

function parseNumber(option: string, text: string | undefined, otherwise: number, least: number, most: number): number {
  if (text === undefined) return otherwise;
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw refuse(`${option} ${text}`, `a number from ${least} to ${most} is needed`);
}

function oneOf<T extends string>(option: string, text: string, choices: readonly T[]): T {
  const choice = choices.find((known) => known === text);
  if (choice === undefined) throw refuse(`${option} ${text}`, `choose one of ${choices.join(', ')}`);
  return choice;
}

function refuse(what: string, why: string): PermanentError {
  return new PermanentError('5.5.4', `${what}: ${why}`);
}
