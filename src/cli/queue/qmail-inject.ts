// qmail-inject [ -nNaAhH ] [ -fsender ] [ recip ... ]: completes the header of the message on standard input and queues it, as the original (formats/qmail.md 8.1).
//
// The message is read once. Its header is kept in memory, the rest goes on to qmail-queue as it comes.

import path from 'node:path';
import { describe, errnoOf, PermanentError, TemporaryError } from '../../errors.js';
import { readIfPresent } from '../../files/read.js';
import { parseLine } from '../../formats/controls/control-file.js';
import { lower, quoteAddress } from '../../mail/address.js';
import type { HostNames } from '../../mail/injection/address-rules.js';
import { splitHeader } from '../../mail/injection/header-fields.js';
import { InjectError, type Injected, type InjectOptions, inject } from '../../mail/injection/inject.js';
import { qmailGetopt } from '../qmail-getopt.js';
import { inputPieces, orFailSilently, runTool, ToolFailure, type ToolIo } from '../tool-io.js';
import { toolQueue } from './own-queue.js';

type RecipientsFrom = InjectOptions['recipientsFrom'];
const fromOf: Readonly<Record<string, RecipientsFrom>> = {
  a: 'arguments',
  h: 'header',
  H: 'both',
  A: 'arguments or header',
};

/** What the arguments say of the envelope. */
export interface GivenEnvelope {
  readonly recipientsFrom: RecipientsFrom;
  readonly sender: string | undefined;
  readonly recipients: readonly string[];
}

interface Given extends GivenEnvelope {
  readonly onlyPrint: boolean;
}

/** The tool. @returns its exit code */
export async function qmailInject(args: string[], io: ToolIo): Promise<number> {
  const given = readArguments(args, io);
  return given === undefined ? 100 : injectMessage(given, io);
}

/** Completes and queues the message on standard input. Also what sendmail does. */
export async function injectMessage(given: Given, io: ToolIo): Promise<number> {
  return runTool('qmail-inject: fatal: ', io, async () => {
    const input = inputPieces(io)[Symbol.asyncIterator]();
    const beginning = await orFailSilently('read error', () => headerOf(input));
    const { sender, recipients, header, bodyOffset } = completed(beginning, given, io);
    const head = Buffer.from(header, 'latin1');
    const rest = restOf(beginning.subarray(bodyOffset), input);
    if (given.onlyPrint) {
      io.stdout(`Return-Path: <${quoteAddress(sender)}>\n`);
      io.stdout(head);
      for await (const piece of rest) {
        io.stdout(piece);
        await io.flushed();
      }
      return 0;
    }
    const queued = (await toolQueue(io)).begin({ invokedBy: { uid: process.getuid?.() ?? 0 } });
    try {
      await queued.write(head);
      for await (const piece of rest) await queued.write(piece);
    } catch (error) {
      await queued.abort();
      throw errnoOf(error) === undefined ? error : new ToolFailure(111, 'read error');
    }
    await queued.commit({ sender, recipients }).catch((error: unknown) => {
      if (error instanceof PermanentError) throw new ToolFailure(100, error.message);
      if (error instanceof TemporaryError) throw new ToolFailure(111, error.message);
      throw error;
    });
    return 0;
  });
}

const mostOfHeader = 64 * 1024 * 1024;

/** As much of the message as surely has its header, and perhaps more. */
async function headerOf(input: AsyncIterator<Buffer>): Promise<Buffer> {
  let bytes = Buffer.alloc(0);
  let lookAt = 0;
  for (let next = await input.next(); !next.done; next = await input.next()) {
    bytes = Buffer.concat([bytes, next.value]);
    if (bytes.length < lookAt) continue;
    lookAt = 2 * bytes.length;
    const lines = bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1);
    if (splitHeader(lines).bodyOffset < lines.length || bytes.length > mostOfHeader) break;
  }
  return bytes;
}

/** The body; a last line without its end gets one. */
async function* restOf(first: Buffer, input: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  let last = first.at(-1);
  if (first.length > 0) yield first;
  for (let next = await input.next(); !next.done; next = await input.next()) {
    yield next.value;
    last = next.value.at(-1) ?? last;
  }
  if (last !== undefined && last !== 0x0a) yield Buffer.from('\n');
}

/** The header and envelope of a message that is read as far as its header goes. @throws ToolFailure, or what reading it throws */
export async function completedMessage(
  message: AsyncIterable<Buffer>,
  given: GivenEnvelope,
  io: ToolIo,
): Promise<Injected> {
  return completed(await headerOf(message[Symbol.asyncIterator]()), given, io);
}

function completed(message: Buffer, given: GivenEnvelope, io: ToolIo): Injected {
  const { env } = io;
  const first = (...names: string[]): string | undefined =>
    names.map((name) => env[name]).find((value) => value !== undefined);
  try {
    return inject(message, {
      names: hostNames(io),
      from: {
        name: first('QMAILNAME', 'MAILNAME', 'NAME'),
        user: first('QMAILUSER', 'MAILUSER', 'USER', 'LOGNAME') ?? 'anonymous',
        host: first('QMAILHOST', 'MAILHOST'),
      },
      returnPath: { user: env.QMAILSUSER, host: env.QMAILSHOST },
      sender: given.sender,
      flags: env.QMAILINJECT ?? '',
      recipientsFrom: given.recipientsFrom,
      arguments: given.recipients,
      lists: listsOf(io),
      unixSeconds: Math.floor(Date.now() / 1000),
      pid: process.pid,
    });
  } catch (error) {
    if (error instanceof InjectError) throw new ToolFailure(100, error.message);
    throw error;
  }
}

function readArguments(args: readonly string[], io: ToolIo): Given | undefined {
  let recipientsFrom: RecipientsFrom = 'arguments or header';
  let sender: string | undefined;
  let onlyPrint = false;
  const recipients = qmailGetopt(args, 'aAhHnNf:', 'qmail-inject', io, (letter, value) => {
    if (letter === 'f') sender = value;
    else if (letter === 'n' || letter === 'N') onlyPrint = letter === 'n';
    else recipientsFrom = fromOf[letter] ?? recipientsFrom;
    return undefined;
  });
  return recipients === undefined ? undefined : { recipientsFrom, sender, onlyPrint, recipients };
}

/** The names that complete addresses: the environment, else the control files, else control/me. */
function hostNames(io: ToolIo): HostNames {
  const control = (name: string): string | undefined => {
    try {
      const bytes = readIfPresent(io.layout.control(name));
      return bytes === undefined ? undefined : parseLine(bytes);
    } catch (error) {
      throw new ToolFailure(111, `unable to read control/${name}: ${describe(error)}`);
    }
  };
  const me = control('me');
  const name = (file: string, variable: string): string => io.env[variable] ?? control(file) ?? me ?? file;
  return {
    defaultDomain: name('defaultdomain', 'QMAILDEFAULTDOMAIN'),
    defaultHost: name('defaulthost', 'QMAILDEFAULTHOST'),
    plusDomain: name('plusdomain', 'QMAILPLUSDOMAIN'),
    idHost: name('idhost', 'QMAILIDHOST'),
  };
}

/** The addresses in QMAILMFTFILE. A file that is not there names none. */
function listsOf(io: ToolIo): ReadonlySet<string> {
  const file = io.env.QMAILMFTFILE;
  const bytes = file === undefined ? undefined : readIfPresent(path.resolve(io.workingDirectory, file));
  const lines = bytes?.toString('latin1').split('\n') ?? [];
  return new Set(lines.map((line) => lower(line.trimEnd())).filter((line) => line !== '' && !line.startsWith('#')));
}
