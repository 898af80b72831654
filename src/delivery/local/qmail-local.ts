// qmail-local: one message for one local recipient, by the instructions of its .qmail file (formats/qmail.md 6). What can only be decided by doing is done here: programs, mbox
// files, forwards. Runs with the rights of the recipient.
//
//   home          cannot be entered, writable by others, sticky            deferred
//   loop          the message has this Delivered-To line                   refused
//   .qmail        none behind a dash: refused; none or empty: the default delivery
//   lines         in their order; the first that fails ends the delivery; forwards are kept and sent last, as one message
//   the end       `did FILES+FORWARDS+PROGRAMS`, and `qp N` when something was forwarded
//
// What was done before a failure is done again at the next try, as with qmail-local. The program line of vdelivermail is done in this process where the caller
// offers that; it counts as a program.

import nodePath from 'node:path';
import { errnoOf, PermanentError, TemporaryError } from '../../errors.js';
import {
  type DotQmailLine,
  dotQmailNames,
  parseDotQmail,
  parseVdelivermail,
} from '../../formats/dot-qmail/dot-qmail.js';
import type { DotQmailFile } from '../../stores/dot-qmail.js';
import type { Host } from '../../stores/host.js';
import type { Owner } from '../resolution/resolution.js';
import { type DeliveryLines, deliveryLines, type LocalArguments, programVariables } from './arguments.js';
import { LocalFailure, systemFailure } from './failure.js';
import { forwardSender } from './forward-sender.js';
import { deliverToMaildir } from './maildir.js';
import { deliverToMbox } from './mbox.js';
import type { MessageSource } from './message-source.js';
import type { ProgramEnd } from './program.js';

/** A message that is sent on: `head` goes above the original's bytes, of which those before `from` are left out. */
export interface Forward {
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly head: Buffer;
  readonly message: MessageSource;
  readonly from: number;
  /** What a program that queues it inherits; undefined: what this process has. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** What a local delivery needs of the world. */
export interface LocalWorld {
  readonly host: Pick<Host, 'layout' | 'dotQmail'>;
  readonly message: MessageSource;
  /** Whom the files that are made belong to. */
  readonly owner: Owner;
  /** What programs inherit. */
  readonly environment: Readonly<Record<string, string>>;
  /** Writes to the report. */
  say(text: string): void;
  complain(text: string): void;
  /** Runs a shell command with the message, wound back, as its input. @throws the system error */
  run(
    command: string,
    place: { readonly directory: string; readonly environment: Readonly<Record<string, string>> },
  ): Promise<ProgramEnd>;
  /** Queues a message. @returns qmail-queue's number for it @throws PermanentError or TemporaryError with qmail's words for why not */
  forward(forward: Forward): Promise<number>;
  /** vdelivermail in this process; undefined: it is run like any program. */
  readonly vdelivermail?: (argument: string, environment: Readonly<Record<string, string>>) => Promise<ProgramEnd>;
  readonly nowSeconds: number;
}

/** Exit codes of programs that are for good (formats/qmail.md 6.5). */
const forGood: ReadonlySet<number> = new Set([100, 64, 65, 70, 76, 77, 78, 112]);
const stopHere = 99;

/**
 * Delivers. Says what qmail-local would say.
 * @param options.dryRun only says what would be done, as `-n`
 * @returns the exit status: 0, 100 for good, 111 for now
 */
export async function qmailLocal(
  about: LocalArguments,
  world: LocalWorld,
  options: { readonly dryRun?: boolean } = {},
): Promise<number> {
  try {
    await new LocalDelivery(about, world, options.dryRun ?? false).run();
    return 0;
  } catch (error) {
    if (!(error instanceof LocalFailure)) throw error;
    if (error.message !== '') world.complain(`${error.message}\n`);
    return error.exitCode;
  }
}

class LocalDelivery {
  readonly #about: LocalArguments;
  readonly #world: LocalWorld;
  readonly #dryRun: boolean;
  /** Disk path of the home. */
  readonly #directory: string;
  readonly #lines: DeliveryLines;
  readonly #forwards: string[] = [];
  #files = 0;
  #programs = 0;
  #variables: Record<string, string> = {};

  constructor(about: LocalArguments, world: LocalWorld, dryRun: boolean) {
    this.#about = about;
    this.#world = world;
    this.#dryRun = dryRun;
    this.#directory = world.host.layout.disk(about.home);
    this.#lines = deliveryLines(about, world.nowSeconds);
  }

  async run(): Promise<void> {
    const about = this.#about;
    this.#checkHome();
    if (!this.#dryRun) await this.#checkLoop();
    const file = this.#dotQmail();
    if (file === undefined && about.dash !== '')
      throw new LocalFailure(100, 'Sorry, no mailbox here by that name. (#5.1.1)');
    const newSender = forwardSender(about, this.#directory);
    this.#variables = programVariables(about, this.#lines, { newSender, default: file?.default });
    const isDefault = file === undefined || file.found.bytes.length === 0;
    // Nothing at all is a blank first line.
    const lines = isDefault ? parseDotQmail(Buffer.from(about.defaultDelivery || '\n', 'latin1')) : file.found.lines;
    await this.#follow(lines, !isDefault && file.found.forwardOnly);
    const qp = await this.#sendForwards(newSender);
    this.#world.say(`did ${this.#files}+${this.#forwards.length}+${this.#programs}\n`);
    if (qp !== undefined) this.#world.say(`qp ${qp}\n`);
  }

  #checkHome(): void {
    try {
      this.#world.host.dotQmail.checkHome(this.#directory);
    } catch (error) {
      if (!(error instanceof TemporaryError)) throw error;
      if (error.status === '4.2.1' && this.#dryRun) this.#world.complain('Warning: home directory is sticky.\n');
      else if (error.status === '4.3.0')
        throw systemFailure(`Unable to switch to ${this.#about.home}`, withErrno(error, 'ENOENT'));
      else throw new LocalFailure(111, `${error.message} (#${error.status})`, error);
    }
  }

  async #checkLoop(): Promise<void> {
    const own = this.#lines.deliveredTo.slice(0, -1);
    try {
      if (!(await this.#world.message.deliveredToLines('whole')).includes(own)) return;
    } catch (error) {
      throw systemFailure('Unable to read message', error);
    }
    throw new LocalFailure(100, 'This message is looping: it already has my Delivered-To line. (#5.4.6)');
  }

  #dotQmail(): { readonly found: DotQmailFile; readonly default: string | undefined } | undefined {
    for (const { suffix, default: standsFor } of dotQmailNames(this.#about.dash, this.#about.extension)) {
      const found = this.#read(suffix);
      if (found !== undefined) return { found, default: standsFor };
    }
    return undefined;
  }

  #read(suffix: string): DotQmailFile | undefined {
    try {
      return this.#world.host.dotQmail.read(this.#directory, suffix);
    } catch (error) {
      if (!(error instanceof TemporaryError)) throw error;
      if (error.status === '4.3.0') throw systemFailure(`Unable to open .qmail${suffix}`, error);
      throw new LocalFailure(111, `${error.message} (#${error.status})`, error);
    }
  }

  async #follow(lines: readonly DotQmailLine[], isForwardOnly: boolean): Promise<void> {
    let forwardOnly = isForwardOnly;
    for (const line of lines) {
      if (line.kind === 'list') forwardOnly = true;
      if (line.kind === 'blank-first-line')
        throw new LocalFailure(111, 'Uh-oh: first line of .qmail file is blank. (#4.2.1)');
      if (forwardOnly && (line.kind === 'maildir' || line.kind === 'mbox'))
        throw new LocalFailure(111, 'Uh-oh: .qmail has file delivery but has x bit set. (#4.7.0)');
      if (forwardOnly && line.kind === 'program')
        throw new LocalFailure(111, 'Uh-oh: .qmail has prog delivery but has x bit set. (#4.7.0)');
      if ((await this.#do(line)) === 'stop') return;
    }
  }

  async #do(line: DotQmailLine): Promise<'stop' | undefined> {
    switch (line.kind) {
      case 'forward':
        this.#forwards.push(line.address);
        if (this.#dryRun) this.#world.say(`forward ${line.address}\n`);
        return undefined;
      case 'maildir':
      case 'mbox':
        this.#files++;
        if (this.#dryRun) this.#world.say(`${line.kind} ${line.path}\n`);
        else await this.#toFile(line.kind, line.path);
        return undefined;
      case 'program':
        this.#programs++;
        if (!this.#dryRun) return this.#program(line.command);
        this.#world.say(`program ${line.command}\n`);
        return undefined;
      default:
        return undefined;
    }
  }

  async #toFile(kind: 'maildir' | 'mbox', written: string): Promise<void> {
    const { host, message, owner } = this.#world;
    const path = host.layout.disk(nodePath.posix.resolve(this.#about.home, written));
    if (kind === 'maildir') await deliverToMaildir(path, this.#lines, message, owner);
    else await deliverToMbox(path, written, this.#lines, message);
  }

  async #program(command: string): Promise<'stop' | undefined> {
    const end = await this.#runProgram(command);
    if ('signal' in end) throw new LocalFailure(111, 'Aack, child crashed. (#4.3.0)');
    if (end.status === 0) return undefined;
    if (end.status === stopHere) return 'stop';
    throw new LocalFailure(forGood.has(end.status) ? 100 : 111, '');
  }

  async #runProgram(command: string): Promise<ProgramEnd> {
    const { vdelivermail } = this.#world;
    const environment = { ...this.#world.environment, ...this.#variables };
    const known = vdelivermail === undefined ? undefined : parseVdelivermail(command);
    if (vdelivermail !== undefined && known !== undefined) return vdelivermail(known.args[1], environment);
    try {
      return await this.#world.run(command, { directory: this.#directory, environment });
    } catch (error) {
      if (errnoOf(error) === 'ESPIPE') throw new LocalFailure(111, 'Unable to rewind message. (#4.3.0)', error);
      throw systemFailure('Unable to run /bin/sh', error);
    }
  }

  async #sendForwards(sender: string): Promise<number | undefined> {
    if (this.#forwards.length === 0 || this.#dryRun) return undefined;
    const { message } = this.#world;
    const head = Buffer.from(this.#lines.deliveredTo, 'latin1');
    const environment = { ...this.#world.environment, ...this.#variables };
    try {
      return await this.#world.forward({ sender, recipients: this.#forwards, head, message, from: 0, environment });
    } catch (error) {
      const isForGood = error instanceof PermanentError;
      if (!isForGood && !(error instanceof TemporaryError)) throw error;
      throw new LocalFailure(isForGood ? 100 : 111, `Unable to forward message: ${error.message}.`, error);
    }
  }
}

/** An error that surely has an errno: its own, or this one. */
function withErrno(error: TemporaryError, otherwise: string): Error {
  for (let at: unknown = error; at instanceof Error; at = at.cause) if ('code' in at) return error;
  return Object.assign(new Error(error.message, { cause: error }), { code: otherwise });
}

/** Reads qmail-local's arguments behind its options; undefined when they are not so. */
export function parseLocalArguments(args: readonly string[]): LocalArguments | undefined {
  if (args.length !== 8) return undefined;
  const [user, home, local, dash, extension, domain, sender, defaultDelivery] = args;
  if (user === undefined || home === undefined || local === undefined || dash === undefined) return undefined;
  if (extension === undefined || domain === undefined || sender === undefined || defaultDelivery === undefined)
    return undefined;
  if (!home.startsWith('/')) return undefined;
  return { user, home, local, dash, extension, domain, sender, defaultDelivery };
}
