// Runs what a recorded step ran, with our tool in the place of the original's: in this process, or as a program of its own where it takes another uid or becomes
// another program (vchkpw).

import path from 'node:path';
import { callTool } from '../../support/call-tool.js';
import type { Step } from '../../support/recording.js';
import { runToolProgram } from '../../support/tool-program.js';

/** What a step's programs said and how each ended: its exit status, or the signal's name. */
export interface Outcome {
  readonly exits: readonly (number | string)[];
  readonly stdout: string;
  readonly stderr: string;
}

interface Invocation {
  readonly tool: string;
  readonly args: readonly string[];
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
}

const environment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  TZ: 'UTC',
  LC_ALL: 'C',
};
/** The tools that become another program. */
const becomeOthers: readonly string[] = ['vchkpw'];

/** Whether the step changes the uid, which only root may. */
export function takesAnotherUid(step: Step): boolean {
  return step.run?.[0] === '/usr/bin/setpriv';
}

/** Runs the programs of a step one after another; output is joined. */
export async function runStep(step: Step, root: string): Promise<Outcome> {
  const outcomes: Outcome[] = [];
  for (const argv of step.runs ?? (step.run === undefined ? [] : [step.run])) {
    const invocation = invocationOf(argv);
    const isProgram = invocation.owner !== undefined || becomeOthers.includes(invocation.tool);
    outcomes.push(await (isProgram ? runRecorded : callRecorded)(invocation, step, root));
  }
  return {
    exits: outcomes.flatMap(({ exits }) => exits),
    stdout: outcomes.map(({ stdout }) => stdout).join(''),
    stderr: outcomes.map(({ stderr }) => stderr).join(''),
  };
}

function invocationOf(argv: readonly string[]): Invocation {
  if (argv[0] === '/usr/bin/setpriv') {
    const number = (option: string): number =>
      Number(argv.find((word) => word.startsWith(`--${option}=`))?.slice(option.length + 3));
    const program = argv.slice(1).findIndex((word) => !word.startsWith('--')) + 1;
    return { ...invocationOf(argv.slice(program)), owner: { uid: number('reuid'), gid: number('regid') } };
  }
  const [program = '', ...args] = argv;
  return { tool: path.basename(program), args, owner: undefined };
}

/** Bytes of a recorded string as Latin-1, one character each. */
function latin1(text: string): string {
  return Buffer.from(text).toString('latin1');
}

function stdinOf(step: Step): Buffer {
  return step.stdin_base64 === undefined ? Buffer.from(step.stdin ?? '') : Buffer.from(step.stdin_base64, 'base64');
}

async function callRecorded({ tool, args }: Invocation, step: Step, root: string): Promise<Outcome> {
  const values = Object.entries({ ...environment, ...step.env });
  const env = Object.fromEntries(values.map(([name, value]) => [name, latin1(value)]));
  const { exit, stdout, stderr } = await callTool(root, [tool, ...args.map(latin1)], { env, stdin: stdinOf(step) });
  return { exits: [exit], stdout: ofHost(stdout, root), stderr: ofHost(stderr, root) };
}

async function runRecorded({ tool, args, owner }: Invocation, step: Step, root: string): Promise<Outcome> {
  const { status, stdout, stderr } = await runToolProgram(root, [tool, ...args], {
    env: { ...environment, ...step.env },
    stdin: stdinOf(step),
    owner,
    ...(step.fd3 !== undefined && { fd3: step.fd3 }),
  });
  return { exits: [status], stdout: ofHost(stdout, root), stderr: ofHost(stderr, root) };
}

/** Messages tell where a file is on this machine's disk, and a program that a tool becomes where it is. */
function ofHost(text: string, root: string): string {
  return text.replaceAll(root, '');
}
