// One local delivery by this process, as the user that it is: what qmail-local does (delivery/local/qmail-local), with the host's files, programs and forwards.

import type { LocalArguments } from '../../delivery/local/arguments.js';
import type { MessageSource } from '../../delivery/local/message-source.js';
import { becomeVariable } from '../../delivery/local/processes.js';
import { type ProgramEnd, type ProgramPlace, type RunningPrograms, runProgram } from '../../delivery/local/program.js';
import { type Forward, type LocalWorld, qmailLocal } from '../../delivery/local/qmail-local.js';
import { runVdelivermail } from '../../delivery/vdelivermail/run.js';
import { describe } from '../../errors.js';
import { lineLog } from '../../log.js';
import { openHost } from '../../stores/host.js';
import type { ToolIo } from '../tool-io.js';
import { injectAsHost } from './forward-here.js';

/** A program that is still there after this time is killed, and the delivery tried again later. */
const programTimeLimitMs = 3_600_000;

/** What a delivery in this process is done with. */
export interface LocalTools {
  readonly message: MessageSource;
  readonly dryRun?: boolean;
  /** To the report; a string is Latin-1. */
  readonly say: (text: string | Buffer) => void;
  readonly complain: (text: string | Buffer) => void;
  /** Where programs write. */
  readonly outputs: () => Pick<ProgramPlace, 'stdout' | 'stderr'>;
  readonly forward: LocalWorld['forward'];
  readonly running: RunningPrograms;
}

/** Delivers as the user that this process is. @returns the exit status of qmail-local */
export async function deliverHere(io: ToolIo, about: LocalArguments, tools: LocalTools): Promise<number> {
  const { message, say, complain, outputs, forward, running } = tools;
  try {
    const log = lineLog((line) => complain(line));
    const host = openHost(io.layout, log, { repairIndexes: true });
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
        return runProgram(command, { ...place, ...outputs(), stdin: message.fd, timeLimitMs, running });
      },
      forward,
      vdelivermail: (argument, variables) => vdelivermail(world, host, io, { argument, variables, outputs }),
      nowSeconds: Math.floor(Date.now() / 1000),
    };
    const exitCode = await qmailLocal(about, world, { dryRun: tools.dryRun ?? false });
    await host.repairs.settled();
    return exitCode;
  } catch (error) {
    complain(`${describe(error)}\n`);
    return 111;
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
    readonly outputs: LocalTools['outputs'];
  },
): Promise<ProgramEnd> {
  const { argument, variables, outputs } = call;
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
        { message, environment: variables, say, ...outputs(), queue },
        address,
        head,
      );
    },
  });
  return { status };
}
