// What the daemon was told to do: the options of `vqmail serve`, checked, as one frozen value of plain data (it is sent to the session workers as it is).
//
// What the host's own files decide (control/*, access rules, vpasswd) is not here: that is looked up when it is needed.

import os from 'node:os';
import { PermanentError } from './errors.js';
import type { LayoutOptions } from './layout.js';
import { type ConnectionLimitSettings, defaultConnectionLimits, parseNetworks } from './net/connection-limits.js';
import { type ListenAddress, parseListenAddress } from './net/listener.js';
import { isUidlForm, type UidlForm } from './stores/maildir/uidl.js';

export type ServedProtocol = 'smtp' | 'pop3';

export interface Settings {
  readonly layout: LayoutOptions;
  readonly listen: readonly ServedAddress[];
  /** Session workers; 0: one process does everything, with the uid it was started with. */
  readonly workers: number;
  /** This host's name in Received lines, as tcpserver's -l sets it; undefined: control/me. */
  readonly localName: string | undefined;
  /** Whether clients' names are looked up in DNS, as tcpserver does without -H. */
  readonly resolveClientNames: boolean;
  readonly uidl: UidlForm;
  readonly limits: ConnectionLimitSettings;
  /** How long running sessions may go on after SIGTERM. */
  readonly drainMs: number;
}

export interface ServedAddress extends ListenAddress {
  readonly protocol: ServedProtocol;
}

/** The options of `serve` as the command line has them: texts, none of them checked. */
export interface ServeOptions {
  readonly listen?: readonly string[];
  readonly queue?: string;
  readonly workers?: string;
  readonly localName?: string;
  readonly resolveClientNames?: boolean;
  readonly uidl?: string;
  readonly maxConnections?: string;
  readonly maxConnectionsPerAddress?: string;
  readonly unlimited?: readonly string[];
  readonly drainSeconds?: string;
}

const laterProtocols = 'submission smtps pop3s imap imaps lmtp qmqp auth postmap admin metrics'.split(' ');
const classicPlaces = ['smtp=0.0.0.0:25', 'pop3=0.0.0.0:110'];

/**
 * Checks the options.
 * @param isRoot whether this process may change uids; without that there are no workers
 * @throws PermanentError with one line for the command line
 */
export function parseSettings(layout: LayoutOptions, options: ServeOptions, isRoot: boolean): Settings {
  checkQueue(options.queue ?? 'auto');
  return Object.freeze({
    layout,
    listen: (options.listen?.length ? options.listen : classicPlaces).map(parseServed),
    workers: parseWorkers(options.workers, isRoot),
    localName: options.localName,
    resolveClientNames: options.resolveClientNames ?? false,
    uidl: parseUidl(options.uidl ?? 'qmail'),
    limits: parseLimits(options),
    drainMs: 1000 * parseNumber('--drain-seconds', options.drainSeconds, 30, 0, 86_400),
  });
}

function parseServed(text: string): ServedAddress {
  const { protocol, at } = parseListenAddress(text);
  if (laterProtocols.includes(protocol))
    throw refuse(`--listen ${text}`, `${protocol} is not in this version; smtp and pop3 are`);
  if (protocol !== 'smtp' && protocol !== 'pop3')
    throw refuse(`--listen ${text}`, `there is no protocol ${protocol}; smtp and pop3 are served`);
  if ('path' in at) throw refuse(`--listen ${text}`, `${protocol} listens at ADDRESS:PORT, not at a path`);
  return { protocol, at };
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

function checkQueue(text: string): void {
  const queue = oneOf('--queue', text, ['auto', 'beside', 'instead']);
  if (queue !== 'auto') throw refuse(`--queue ${queue}`, 'the queue is not in this version; leave it at auto');
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
