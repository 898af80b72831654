// qmail-local [ -nN ] user homedir local dash ext domain sender aliasempty: delivers the message on standard input by the recipient's .qmail file, as the original (formats/qmail.md 6).
//
// It is run by qmail-lspawn, or by the queue of vqmail, which also listens on node's channel for the messages to forward; without that they go
// to the host's qmail-queue. A queue has the whole report on standard output. A queue that is root starts it as root, and tells it in a variable whom it is to become first.

import fs from 'node:fs';
import { becomeVariable, type ForwardAnswer, type ForwardMessage } from '../../delivery/local/child.js';
import { MessageSource } from '../../delivery/local/message-source.js';
import { type ProgramEnd, RunningPrograms, runProgram } from '../../delivery/local/program.js';
import { type Forward, type LocalWorld, parseLocalArguments, qmailLocal } from '../../delivery/local/qmail-local.js';
import { runVdelivermail } from '../../delivery/vdelivermail/run.js';
import { describe, errnoOf, PermanentError, TemporaryError } from '../../errors.js';
import { lineLog } from '../../log.js';
import { become } from '../../processes/ownership.js';
import { openHost } from '../../stores/host.js';
import { messageInput } from '../message-input.js';
import { qmailGetopt } from '../qmail-getopt.js';
import type { ToolIo } from '../tool-io.js';
import { injectAsHost, throughQmailQueue } from './forward-here.js';

const usage = 'qmail-local: usage: qmail-local [ -nN ] user homedir local dash ext domain sender aliasempty\n';
/** A program that is still there after this time is killed, and the delivery tried again later. */
const programTimeLimitMs = 3_600_000;

/** The tool. @returns its exit code */
export async function qmailLocalTool(args: string[], io: ToolIo): Promise<number> {
  let dryRun = false;
  const operands = qmailGetopt(args, 'nN', 'qmail-local', io, (letter) => {
    dryRun = letter === 'n';
    return undefined;
  });
  const about = operands === undefined ? undefined : parseLocalArguments(operands);
  if (about === undefined) {
    io.stderr(usage);
    return 100;
  }
  process.umask(0o077);
  const hasQueue = process.send !== undefined;
  const outputs = { stdout: 1, stderr: hasQueue ? 1 : 2 } as const;
  // Programs write to the same descriptors: ours must be there before theirs.
  const say = (text: string | Buffer): void => writeAll(outputs.stdout, text);
  const complain = (text: string | Buffer): void => writeAll(outputs.stderr, text);
  const running = new RunningPrograms();
  if (hasQueue)
    process.once('SIGTERM', () => {
      running.kill();
      process.exit(111);
    });
  try {
    becomeOwner(io);
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
      environment: definedOf({ ...io.env, [becomeVariable]: undefined }),
      say,
      complain,
      run: (command, place) => {
        message.rewind();
        const timeLimitMs = programTimeLimitMs;
        return runProgram(command, { ...place, ...outputs, stdin: message.fd, timeLimitMs, running });
      },
      forward: (forward) => (hasQueue ? askQueue(forward) : throughQmailQueue(io, forward)),
      vdelivermail: (argument, variables) => vdelivermail(world, host, io, { argument, variables, ...outputs }),
      nowSeconds: Math.floor(Date.now() / 1000),
    };
    const exitCode = await qmailLocal(about, world, { dryRun });
    await host.repairs.settled();
    return exitCode;
  } catch (error) {
    complain(`${describe(error)}\n`);
    return 111;
  } finally {
    if (hasQueue) process.disconnect();
  }
}

/** @throws Error when something of root would be left */
function becomeOwner({ env }: ToolIo): void {
  const [, uid, gid] = /^(\d+):(\d+)$/.exec(env[becomeVariable] ?? '') ?? [];
  if (uid !== undefined) become({ uid: Number(uid), gid: Number(gid) });
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
  io: ToolIo,
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
      const queue = (forward: Forward): Promise<number> => world.forward(forward);
      return injectAsHost(
        { ...io, stderr: (text) => world.complain(text.toString('latin1')) },
        { message, environment: variables, say, stdout, stderr, queue },
        address,
        head,
      );
    },
  });
  return { status };
}

/** Lets the queue that started this process queue a forward. */
async function askQueue({ sender, recipients, head, from }: Forward): Promise<number> {
  const request: ForwardMessage = { forward: { sender, recipients, head: head.toString('base64'), from } };
  const answer = await new Promise<ForwardAnswer>((resolve) => {
    process.once('message', resolve);
    process.once('disconnect', () => resolve({ isForGood: false, text: 'qq temporary problem (#4.3.0)' }));
    process.send?.(request);
  });
  if ('qp' in answer) return answer.qp;
  throw answer.isForGood ? new PermanentError('5.3.0', answer.text) : new TemporaryError('4.3.0', answer.text);
}
