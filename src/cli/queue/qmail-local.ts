// qmail-local [ -nN ] user homedir local dash ext domain sender aliasempty: delivers the message on standard input by the recipient's .qmail file, as the original (formats/qmail.md 6).
//
// It is run by qmail-lspawn, or by the queue of vqmail, which also listens on node's channel for the messages to forward; without that they go
// to the host's qmail-queue. A queue has the whole report on standard output.

import fs from 'node:fs';
import path from 'node:path';
import type { ForwardAnswer, ForwardMessage } from '../../delivery/local/child.js';
import { MessageSource } from '../../delivery/local/message-source.js';
import { type ProgramEnd, runProgram } from '../../delivery/local/program.js';
import { type Forward, type LocalWorld, parseLocalArguments, qmailLocal } from '../../delivery/local/qmail-local.js';
import { injectForward } from '../../delivery/vdelivermail/inject.js';
import { runVdelivermail } from '../../delivery/vdelivermail/run.js';
import { describe, errnoOf, PermanentError, TemporaryError } from '../../errors.js';
import { lineLog } from '../../log.js';
import { openHost } from '../../stores/host.js';
import { messageInput } from '../message-input.js';
import type { ToolIo } from '../tool-io.js';
import { toolQueue } from './own-queue.js';

const usage = 'qmail-local: usage: qmail-local [ -nN ] user homedir local dash ext domain sender aliasempty\n';
/** A program that is still there after this time is killed, and the delivery tried again later. */
const programTimeLimitMs = 3_600_000;

/** The tool. @returns its exit code */
export async function qmailLocalTool(args: string[], io: ToolIo): Promise<number> {
  const parsed = parseLocalArguments(args);
  if (parsed === undefined) {
    io.stderr(usage);
    return 100;
  }
  process.umask(0o077);
  const hasQueue = process.send !== undefined;
  const outputs = { stdout: 1, stderr: hasQueue ? 1 : 2 } as const;
  // Programs write to the same descriptors: ours must be there before theirs.
  const say = (text: string | Buffer): void => writeAll(outputs.stdout, text);
  const complain = (text: string | Buffer): void => writeAll(outputs.stderr, text);
  try {
    const message = new MessageSource(await messageInput(io));
    const host = openHost(
      io.layout,
      lineLog((line) => complain(line)),
      { repairIndexes: true },
    );
    const owner = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
    const world: LocalWorld = {
      host,
      message,
      owner,
      environment: definedOf(io.env),
      say,
      complain,
      run: (command, place) => {
        message.rewind();
        return runProgram(command, { ...place, ...outputs, stdin: message.fd, timeLimitMs: programTimeLimitMs });
      },
      forward: (forward) => (hasQueue ? askQueue(forward) : throughQmailQueue(io, forward)),
      vdelivermail: (argument, variables) => vdelivermail(world, host, { argument, variables, ...outputs }),
      nowSeconds: Math.floor(Date.now() / 1000),
    };
    const exitCode = await qmailLocal(parsed.about, world, { dryRun: parsed.dryRun });
    await host.repairs.settled();
    return exitCode;
  } catch (error) {
    complain(`${describe(error)}\n`);
    return 111;
  } finally {
    if (hasQueue) process.disconnect();
  }
}

function writeAll(fd: number, text: string | Buffer): void {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
  for (let at = 0; at < bytes.length; ) {
    try {
      at += fs.writeSync(fd, bytes, at);
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN') return;
    }
  }
}

function definedOf(env: ToolIo['env']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  );
}

/** vdelivermail in this process. */
async function vdelivermail(
  world: LocalWorld,
  host: ReturnType<typeof openHost>,
  call: {
    readonly argument: string;
    readonly variables: Readonly<Record<string, string>>;
    readonly stdout: number;
    readonly stderr: number;
  },
): Promise<ProgramEnd> {
  const { argument, variables, stdout, stderr } = call;
  const { EXT = '', HOST = '', RPLINE, DTLINE, HOME = '/' } = variables;
  const { message, owner } = world;
  const request = {
    extension: EXT,
    hostName: HOST,
    argument,
    returnPath: RPLINE,
    deliveredTo: DTLINE,
    directory: HOME,
    owner,
  };
  const say = (output: string | Buffer): void => world.say(output.toString('latin1'));
  const status = await runVdelivermail(host, request, message, {
    say,
    run: async (command, directory) => {
      const environment = { ...variables, SHELL: '/bin/sh' };
      const end = await world.run(command, { directory, environment });
      return 'status' in end ? end.status : undefined;
    },
    forward: (address, head) => {
      const program = path.join(host.layout.qmail, 'bin/qmail-inject');
      return injectForward({ program, message, environment: variables, say, stdout, stderr }, address, head);
    },
  });
  return { status };
}

/** Lets the queue that started this process queue a forward. */
async function askQueue({ sender, recipients, head }: Forward): Promise<number> {
  const request: ForwardMessage = { forward: { sender, recipients, head: head.toString('base64') } };
  const answer = await new Promise<ForwardAnswer>((resolve) => {
    process.once('message', resolve);
    process.once('disconnect', () => resolve({ isForGood: false, text: 'qq temporary problem (#4.3.0)' }));
    process.send?.(request);
  });
  if ('qp' in answer) return answer.qp;
  throw answer.isForGood ? new PermanentError('5.3.0', answer.text) : new TemporaryError('4.3.0', answer.text);
}

async function throughQmailQueue(io: ToolIo, { sender, recipients, head, message }: Forward): Promise<number> {
  const queued = (await toolQueue(io)).begin({ invokedBy: { uid: process.getuid?.() ?? 0 } });
  try {
    await queued.write(head);
    for await (const piece of message.pieces()) await queued.write(piece);
  } catch (error) {
    await queued.abort();
    throw new TemporaryError('4.3.0', 'qq read error (#4.3.0)', error);
  }
  return queued.commit({ sender, recipients });
}
