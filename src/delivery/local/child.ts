// qmail-local in a process of its own: the message on descriptor 0, the report on descriptor 1, the uid and gid of the recipient and no other group, umask 077
// (formats/qmail.md 5.4). The process asks for forwards to be queued over node's channel, since it may not write to the queue itself:
//
//   child -> parent     { forward: { sender, recipients, head } }        head in base64; the rest of the message is the one that it was given
//   parent -> child     { qp: 4711 } or { isForGood: false, text: 'qq write error or disk full (#4.3.0)' }

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { PermanentError, TemporaryError } from '../../errors.js';
import { bytesPath } from '../../files/read.js';
import type { LocalEnd, LocalTask } from './channel.js';

/** A message that a local delivery sends on: `head`, then the bytes of `task.message`. */
export interface ForwardRequest {
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly head: Buffer;
  readonly task: LocalTask;
}

export interface LocalChildren {
  /** The command that is qmail-local: a program and what stands before qmail-local's own arguments. */
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
  /** Whether this process may take other uids. */
  readonly mayChangeUser: boolean;
  /** Queues a forward. @returns qmail-queue's number @throws PermanentError or TemporaryError with qmail's words */
  readonly forward: (request: ForwardRequest) => Promise<number>;
}

/** What a child asks for. */
export interface ForwardMessage {
  readonly forward: { readonly sender: string; readonly recipients: readonly string[]; readonly head: string };
}
/** What it is answered. */
export type ForwardAnswer = { readonly qp: number } | { readonly isForGood: boolean; readonly text: string };

/** More than is ever reported; what a program says beyond it is thrown away. */
const longestOutput = 64 * 1024;

/** Runs qmail-local for a task. @throws the system error when it cannot be started or the message cannot be opened */
export async function runLocalChild(children: LocalChildren, task: LocalTask): Promise<LocalEnd> {
  const { command, environment, mayChangeUser } = children;
  const [program, ...before] = command;
  const { user, home, local, dash, extension, domain, sender, defaultDelivery } = task.about;
  const args = ['--', user, home, local, dash, extension, domain, sender, defaultDelivery];
  if (task.owner.uid === 0) return { status: 111, output: 'Not allowed to perform deliveries as root.\n' };
  const fd = fs.openSync(bytesPath(task.message.path), 'r');
  try {
    const child = spawn(program, [...before, ...args.map(passed)], {
      cwd: '/',
      env: { ...environment },
      stdio: [fd, 'pipe', 'ignore', 'ipc'],
      ...(mayChangeUser && { uid: task.owner.uid, gid: task.owner.gid }),
    });
    let output = '';
    child.stdout?.on('data', (bytes: Buffer) => {
      if (output.length < longestOutput) output += bytes.toString('latin1');
    });
    child.on('message', (message: ForwardMessage) => {
      void answer(children, task, message).then((answered) => {
        if (child.connected) child.send(answered);
      });
    });
    return await new Promise<LocalEnd>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status, signal) =>
        resolve(status === null ? { signal: signal ?? 'unknown', output } : { status, output }),
      );
    });
  } finally {
    fs.closeSync(fd);
  }
}

async function answer(children: LocalChildren, task: LocalTask, { forward }: ForwardMessage): Promise<ForwardAnswer> {
  try {
    const head = Buffer.from(forward.head, 'base64');
    return { qp: await children.forward({ ...forward, head, task }) };
  } catch (error) {
    if (error instanceof PermanentError || error instanceof TemporaryError)
      return { isForGood: error instanceof PermanentError, text: error.message };
    return { isForGood: false, text: 'qq temporary problem (#4.3.0)' };
  }
}

/** A Latin-1 text as node has to be given an argument: it encodes them in UTF-8. */
function passed(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}
