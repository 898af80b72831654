// vdelivermail '' ARGUMENT: the program in a domain's .qmail-default, run by qmail-local for every address that has no .qmail file of its own (formats/vpopmail.md 4).
//
//   EXT HOST             whom the message is for        DTLINE RPLINE     lines for its head        standard input     the message
//   ARGUMENT             what happens to mail for nobody: bounce-no-mailbox, delete, /a/directory, or a line as in a .qmail
//
//   exit 0 delivered    99 a program says that this is all    100 for good, standard output says why    111 for now
//
// The first argument is ignored. It runs as the domain's uid in the domain's directory. An input that is no file is copied into one first.

import { MessageSource } from '../../delivery/local/message-source.js';
import { type ProgramEnd, runProgram } from '../../delivery/local/program.js';
import type { Forward } from '../../delivery/local/qmail-local.js';
import { runVdelivermail, type VdelivermailRequest } from '../../delivery/vdelivermail/run.js';
import { describe, errnoOf } from '../../errors.js';
import { type Log, lineLog } from '../../log.js';
import { openHost } from '../../stores/host.js';
import { messageInput } from '../message-input.js';
import { injectAsHost, throughQmailQueue } from '../queue/forward-here.js';
import type { ToolIo } from '../tool-io.js';

/** Like qmail-local it waits for a program as long as that runs; this is the longest that a timer can. */
const longestMs = 2 ** 31 - 1;

/** The tool. @returns its exit code */
export async function vdelivermail(args: string[], io: ToolIo): Promise<number> {
  const request = requestOf(args, io);
  if ('text' in request) {
    io.stdout(`${request.text}\n`);
    return request.exitCode;
  }
  let fd: number;
  try {
    fd = await messageInput(io);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    io.stdout(`vdelivermail: can not read the message: ${describe(error)}\n`);
    return 111;
  }
  const host = openHost(io.layout, troubleLog(io), { repairIndexes: true });
  try {
    return await deliver(request, io, host, new MessageSource(fd));
  } finally {
    await host.repairs.settled();
  }
}

function requestOf(args: readonly string[], io: ToolIo): VdelivermailRequest | { exitCode: number; text: string } {
  const [, argument] = args;
  const { EXT, HOST, RPLINE, DTLINE } = io.env;
  if (argument === undefined || args.length !== 2)
    return { exitCode: 111, text: 'vdelivermail: invalid syntax in .qmail-default file' };
  if (EXT === undefined) return { exitCode: 100, text: 'vdelivermail: no EXT environment varilable' };
  if (HOST === undefined) return { exitCode: 100, text: 'vdelivermail: no HOST environment varilable' };
  return {
    extension: EXT,
    hostName: HOST,
    argument,
    returnPath: RPLINE,
    deliveredTo: DTLINE,
    directory: io.layout.host(io.workingDirectory),
    owner: { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 },
  };
}

function deliver(
  request: VdelivermailRequest,
  io: ToolIo,
  host: ReturnType<typeof openHost>,
  message: MessageSource,
): Promise<number> {
  const given = Object.entries(io.env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  const environment = Object.fromEntries(given);
  // Programs write where this one would.
  const isProcess = io.inputFile !== undefined;
  const outputs = {
    stdout: isProcess ? 1 : (bytes: Buffer) => io.stdout(bytes),
    stderr: isProcess ? 2 : (bytes: Buffer) => io.stderr(bytes),
  };
  const say = (output: string | Buffer): void => io.stdout(output);
  return runVdelivermail(host, request, message, {
    say,
    async run(command, directory) {
      await io.flushed();
      message.rewind();
      const shell = { ...environment, SHELL: '/bin/sh' };
      const place = { directory, environment: shell, stdin: message.fd, ...outputs, timeLimitMs: longestMs };
      return statusOf(await runProgram(command, place));
    },
    async forward(address, head) {
      await io.flushed();
      const queue = (forward: Forward): Promise<number> => throughQmailQueue(io, forward);
      return injectAsHost(io, { message, environment, say, ...outputs, queue }, address, head);
    },
  });
}

function statusOf(end: ProgramEnd): number | undefined {
  return 'status' in end ? end.status : undefined;
}

/** Only trouble: what is said here stands in the delivery's report. */
function troubleLog(io: ToolIo): Log {
  return { ...lineLog((line) => io.stderr(line)), info: () => {} };
}
