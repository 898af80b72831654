// A forward by the host's own qmail-inject, as vdelivermail makes it: `qmail-inject -- ADDRESS`, the message with its new head on standard input (formats/vpopmail.md 4.6).
// qmail-inject takes the envelope sender from the Return-Path line, adds what the header lacks, and queues the message.

import { spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import { errnoOf } from '../../errors.js';
import { exactCommand } from '../../files/programs/exact-command.js';
import type { MessageSource } from '../local/message-source.js';
import type { VdelivermailActs } from './run.js';

export interface Injection {
  /** Disk path of qmail-inject. */
  readonly program: string;
  readonly message: MessageSource;
  /** Latin-1. */
  readonly environment: Readonly<Record<string, string>>;
  /** Where its outputs go. */
  readonly stdout: number | ((bytes: Buffer) => void);
  readonly stderr: number | ((bytes: Buffer) => void);
  readonly say: VdelivermailActs['say'];
}

/** As `VdelivermailActs.forward`. */
export async function injectForward(injection: Injection, address: string, head: string): Promise<number | undefined> {
  const { program, environment, stdout, stderr, say } = injection;
  const kept = (output: Injection['stdout']): number | 'pipe' => (typeof output === 'number' ? output : 'pipe');
  const { file, args, options } = exactCommand({ program, args: ['--', address], env: environment });
  const child = spawn(file, args, {
    ...options,
    stdio: ['pipe', kept(stdout), kept(stderr)],
  });
  if (typeof stdout === 'function') child.stdout?.on('data', stdout);
  if (typeof stderr === 'function') child.stderr?.on('data', stderr);
  const ended = new Promise<number | undefined>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve(status ?? undefined));
  });
  // Both are waited for below, one after the other.
  ended.catch(() => {});
  const unwritten = child.stdin === null ? undefined : await feed(child.stdin, injection.message, head);
  let status: number | undefined;
  try {
    status = await ended;
  } catch {
    say("system error, can't open qmail-inject\n");
    return 111;
  }
  if (status !== undefined && status !== 0) {
    say('system error calling qmail-inject\n');
    return status;
  }
  if (status === 0 && unwritten === undefined) return undefined;
  say(`write to qmail-inject failed: ${unwritten ?? 'killed'}\n`);
  return 111;
}

/** @returns the errno name of what was in the way */
async function feed(input: Writable, message: MessageSource, head: string): Promise<string | undefined> {
  let problem: string | undefined;
  input.on('error', (error) => {
    problem ??= errnoOf(error) ?? 'EIO';
  });
  try {
    await write(input, Buffer.from(head, 'latin1'));
    for await (const piece of message.pieces()) {
      if (problem !== undefined) break;
      await write(input, piece);
    }
  } catch (error) {
    // Half a message must not be taken for a whole one.
    problem ??= errnoOf(error) ?? 'EIO';
    input.destroy();
  }
  input.end();
  return problem;
}

/** Resolves when there is room for more. */
function write(stream: Writable, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.write(bytes)) return resolve();
    stream.once('drain', resolve);
    stream.once('close', resolve);
  });
}
