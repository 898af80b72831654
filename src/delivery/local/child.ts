// qmail-local in a process of its own: the message on descriptor 0, the report on descriptors 1 and 2, the uid and gid of the recipient and no other group, umask 077
// (formats/qmail.md 5.4). The process asks for forwards to be queued over node's channel, since it may not write to the queue itself:
//
//   child -> parent     { forward: { sender, recipients, head, from } }        head in base64; behind it the message that it was given, from this byte on
//   parent -> child     { qp: 4711 } or { isForGood: false, text: 'qq write error or disk full (#4.3.0)' }
//
// As root the process is started as root and gives that up before it looks at anything of the recipient's: so the program may lie where only root can read it, and the system
// lets nobody of that uid look into the process. What it asks for is believed no more than what the recipient may do by himself with qmail-queue.

import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import { PermanentError, TemporaryError } from '../../errors.js';
import { cLibrary } from '../../files/native/native.js';
import { exactCommand } from '../../files/programs/exact-command.js';
import { bytesPath } from '../../files/read.js';
import type { LocalEnd, LocalTask } from './channel.js';

/** A message that a local delivery sends on: `head`, then the bytes of `task.message` from offset `from` on. */
export interface ForwardRequest {
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly head: Buffer;
  readonly from: number;
  readonly task: LocalTask;
}

export interface LocalChildren {
  /** The command that is qmail-local: a program and what stands before qmail-local's own arguments. */
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
  /** Whether this process may take other uids. */
  readonly mayChangeUser: boolean;
  /** Those that run; who gives the queue up may end them. */
  readonly running: Set<ChildProcess>;
  /** Queues a forward. @returns qmail-queue's number @throws PermanentError or TemporaryError with qmail's words */
  readonly forward: (request: ForwardRequest) => Promise<number>;
}

/** What a child asks for. */
export interface ForwardMessage {
  readonly forward: {
    readonly sender: string;
    readonly recipients: readonly string[];
    readonly head: string;
    readonly from: number;
  };
}
/** What it is answered. */
export type ForwardAnswer = { readonly qp: number } | { readonly isForGood: boolean; readonly text: string };

/** The variable that tells the process who it is to become, as `UID:GID`. */
export const becomeVariable = 'VQMAIL_BECOME';

/** More than is ever reported; what a program says beyond it is thrown away. */
const longestOutput = 64 * 1024;
/** qmail-local gives up a Maildir after so long; here it is the end of the whole, as a process that hangs keeps a place among the deliveries. */
const longestMs = 24 * 3600 * 1000;

/** Runs qmail-local for a task. @throws the system error when it cannot be started or the message cannot be opened */
export async function runLocalChild(children: LocalChildren, task: LocalTask): Promise<LocalEnd> {
  const { command, environment, mayChangeUser } = children;
  const [program, ...before] = command;
  const { owner } = task;
  const { user, home, local, dash, extension, domain, sender, defaultDelivery } = task.about;
  const args = ['--', user, home, local, dash, extension, domain, sender, defaultDelivery];
  if (owner.uid === 0) return { status: 111, output: 'Not allowed to perform deliveries as root.\n' };
  const fd = fs.openSync(bytesPath(task.message.path), 'r');
  const report = openReport(mayChangeUser ? owner : undefined);
  try {
    const env = { ...environment, ...(mayChangeUser && { [becomeVariable]: `${owner.uid}:${owner.gid}` }) };
    const exact = exactCommand({
      program: bytesOf(program),
      args: [...before.map(bytesOf), ...args],
      env: {},
      directory: '/',
    });
    const child = spawn(exact.file, exact.args, {
      cwd: '/',
      env,
      stdio: [fd, report?.writeFd ?? 'pipe', report?.writeFd ?? 'inherit', 'ipc'],
      timeout: longestMs,
      killSignal: 'SIGKILL',
    });
    children.running.add(child);
    child.once('exit', () => children.running.delete(child));
    let output = '';
    const outputs = report?.output ?? child.stdout;
    outputs?.on('data', (bytes: Buffer) => {
      if (output.length < longestOutput) output += bytes.toString('latin1');
    });
    child.on('message', (message) => {
      void answer(children, task, message).then((answered) => {
        if (child.connected) child.send(answered, () => {});
      });
    });
    const said = new Promise((resolve) => outputs?.once('close', resolve));
    const end = await new Promise<{ status: number } | { signal: string }>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (status, signal) => resolve(status === null ? { signal: signal ?? 'unknown' } : { status }));
      report?.begun();
    });
    await said;
    return { ...end, output };
  } catch (error) {
    report?.output.destroy();
    throw error;
  } finally {
    report?.begun();
    fs.closeSync(fd);
  }
}

interface Report {
  /** The end to write into, for the process. */
  readonly writeFd: number;
  readonly output: net.Socket;
  /** The process has that end: it is closed here, so that its end is heard. */
  begun(): void;
}

/**
 * A pipe for what the process and its programs say; undefined where only node's own can be had, a socket, which a program cannot open anew as /dev/stderr.
 * @param owner whose it is, so that a program may do that
 */
function openReport(owner: LocalTask['owner'] | undefined): Report | undefined {
  const pipe = cLibrary()?.pipe();
  if (pipe === undefined) return undefined;
  if (owner !== undefined) fs.fchownSync(pipe.writeFd, owner.uid, owner.gid);
  const output = new net.Socket({ fd: pipe.readFd, readable: true, writable: false });
  output.on('error', () => {});
  let isOpen = true;
  return {
    writeFd: pipe.writeFd,
    output,
    begun() {
      if (isOpen) fs.closeSync(pipe.writeFd);
      isOpen = false;
    },
  };
}

/** Does not throw. */
async function answer(children: LocalChildren, task: LocalTask, message: unknown): Promise<ForwardAnswer> {
  try {
    return { qp: await children.forward({ ...forwardIn(message), task }) };
  } catch (error) {
    if (error instanceof PermanentError || error instanceof TemporaryError)
      return { isForGood: error instanceof PermanentError, text: error.message };
    return { isForGood: false, text: 'qq temporary problem (#4.3.0)' };
  }
}

/** @throws TypeError for anything but a ForwardMessage */
function forwardIn(message: unknown): Omit<ForwardRequest, 'task'> {
  const { sender, recipients, head, from } = (message as ForwardMessage).forward;
  const isText = (value: unknown): value is string => typeof value === 'string';
  if (!isText(sender) || !isText(head) || !Array.isArray(recipients) || !recipients.every(isText))
    throw new TypeError('not a forward');
  if (!Number.isSafeInteger(from) || from < 0) throw new TypeError('not a place in a message');
  return { sender, recipients, head: Buffer.from(head, 'base64'), from };
}

/** A string of node's as one of a character a byte. */
function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1');
}
