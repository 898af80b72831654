// `vqmail auth status` and `forget`: asks the running daemons about wrong logins. Each counts for itself; what several know of a key stands in one line.
//
//   12 right, 1031 wrong, 95213 put off since the start; 11 addresses are known for an account
//   192.0.2.1          15 wrong, put off for 32 seconds
//   joe@example.jp     3 wrong

import { Command } from 'commander';
import { type KeyStatus, together } from '../../auth/guessing/status.js';
import { errnoOf, PermanentError, TemporaryError } from '../../errors.js';
import { askLogins, type LoginQuestion, type LoginStatus } from '../../processes/login/status-socket.js';
import { parseCommandLine } from '../command-line.js';
import type { ToolIo } from '../tool-io.js';

interface Options {
  readonly json?: boolean;
  readonly most: string;
}

/** @throws PermanentError for arguments, TemporaryError when no daemon can be asked */
export async function status(args: string[], io: ToolIo): Promise<number> {
  const command = new Command('vqmail auth status')
    .option('--json', 'as JSON')
    .option('--most <n>', 'addresses and accounts that are shown, of each', '20');
  const options = parseCommandLine<Options>(command, args, io);
  if (options === undefined) return 0;
  if (!/^\d{1,6}$/.test(options.most)) throw new PermanentError('5.5.4', `--most ${options.most}: a number is needed`);
  const known = together((await ask({}, io)).map((answer) => answer.status));
  if (options.json) io.stdout(`${JSON.stringify(known, undefined, 1)}\n`);
  else io.stdout(textOf(known, Number(options.most)));
  return 0;
}

/** @throws as `status` */
export async function forget(args: string[], io: ToolIo): Promise<number> {
  const command = new Command('vqmail auth forget').argument(
    '<key...>',
    'addresses and accounts, as status shows them',
  );
  if (parseCommandLine(command, args, io) === undefined) return 0;
  const keys = command.args.map((key) => key.toLowerCase());
  const forgotten = (await ask({ forget: keys }, io)).flatMap((answer) => answer.forgotten);
  const unknown = keys.filter((key) => !forgotten.includes(key));
  for (const key of unknown) io.stderr(`vqmail auth: ${key}: no wrong logins are known\n`);
  return unknown.length === 0 ? 0 : 100;
}

async function ask(question: LoginQuestion, io: ToolIo): Promise<LoginStatus[]> {
  const noneRuns = 'no running vqmail serve can be asked about logins';
  let answers: LoginStatus[];
  try {
    answers = await askLogins(io.layout.loginSocket, question);
  } catch (error) {
    const isRefused = errnoOf(error) === 'EACCES';
    throw new TemporaryError(
      '4.3.0',
      isRefused ? 'only root may ask the running daemon about logins' : noneRuns,
      error,
    );
  }
  if (answers.length === 0) throw new TemporaryError('4.3.0', noneRuns);
  return answers;
}

function textOf(
  { right, wrong, putOff, knownPairs, addresses, accounts }: LoginStatus['status'],
  most: number,
): string {
  const known = knownPairs === 1 ? '1 address is' : `${knownPairs} addresses are`;
  const head = `${right} right, ${wrong} wrong, ${putOff} put off since the start; ${known} known for an account\n`;
  return head + linesOf(addresses, most) + linesOf(accounts, most);
}

function linesOf(keys: readonly KeyStatus[], most: number): string {
  const shown = keys.slice(0, most);
  const width = Math.max(...shown.map(({ key }) => key.length), 0);
  const lines = shown.map(({ key, failures, pauseSeconds }) => {
    const pause = pauseSeconds === 0 ? '' : `, put off for ${pauseSeconds} seconds`;
    return `${key.padEnd(width)}  ${failures} wrong${pause}\n`.replace(/[\x00-\x09\x0b-\x1f\x7f]/g, '?');
  });
  const more = keys.length - shown.length;
  return lines.join('') + (more > 0 ? `and ${more} more\n` : '');
}
