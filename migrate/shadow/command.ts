// `vqmail migrate shadow --old PROTO=HOST:PORT... --new PROTO=HOST:PORT... [options]`: asks the old servers and ours the same, and tells what they answer otherwise. Reads only.
//
// Exit 0 when nothing differs that a client would notice, 1 when something does, 111 when nothing could be compared, 100 for arguments.

import { Command } from 'commander';
import { parseCommandLine } from '../../src/cli/command-line.js';
import { argumentPath, type ToolIo } from '../../src/cli/tool-io.js';
import { PermanentError, TemporaryError } from '../../src/errors.js';
import { nameOf, parseServerAddress } from '../clients/server-address.js';
import { openBar } from '../progress.js';
import { comparedAccounts } from './accounts.js';
import { differenceLines, withoutKnown } from './difference.js';
import { compareServers, type ShadowReport } from './look.js';
import type { ServerPair } from './looked.js';

/** Whose mail is compared and how closely; options that `migrate cutover` has too. */
export interface CheckOptions {
  readonly account?: readonly string[];
  readonly accounts?: string;
  readonly master?: string;
  readonly sample?: string;
  readonly messages?: string;
  readonly from?: string;
  readonly ignore?: readonly string[];
}

interface Options extends CheckOptions {
  readonly old?: readonly string[];
  readonly new?: readonly string[];
  readonly json?: boolean;
}

/** Adds the options that say what is compared. */
export function withCheckOptions(command: Command): Command {
  return command
    .option('--account <user:password>', 'whose mail is compared; once for each', collected)
    .option(
      '--accounts <file>',
      'a file of such lines; without either, the accounts whose passwords are in vpasswd in clear',
    )
    .option('--master <user:password>', "the old server's master user, who logs in as ACCOUNT*USER there")
    .option('--sample <n>', 'at most so many accounts; by SMTP so many of each domain, and as many aliases')
    .option('--messages <n>', 'at most so many of each folder, the newest')
    .option('--from <address>', 'the address to connect from, for servers that relay for some; by SMTP and POP3')
    .option(
      '--ignore <words>',
      'what is known to differ, such as ENVELOPE, is told as a note; once for each',
      collected,
    );
}

/** @throws PermanentError for arguments, TemporaryError when nothing could be compared */
export async function shadow(args: string[], io: ToolIo): Promise<number> {
  const command = withCheckOptions(
    new Command('vqmail migrate shadow')
      .option(
        '--old <PROTO=HOST:PORT>',
        'an old server: smtp submission smtps pop3 pop3s imap imaps; ",starttls" behind it',
        collected,
      )
      .option('--new <PROTO=HOST:PORT>', 'ours of the same protocol', collected)
      .option('--json', 'the report as JSON'),
  );
  const options = parseCommandLine<Options>(command, args, io);
  if (options === undefined) return 0;
  const report = await compared(pairsOf(options), options, io);
  if (options.json) io.stdout(`${Buffer.from(JSON.stringify(report, null, 2)).toString('latin1')}\n`);
  else io.stdout(Buffer.from(reportText(report)));
  return exitOf(report);
}

/**
 * Compares servers with the options of a command line.
 * @throws PermanentError for options, TemporaryError when the host's files cannot be read
 */
export async function compared(pairs: readonly ServerPair[], options: CheckOptions, io: ToolIo): Promise<ShadowReport> {
  const sample = countOf('--sample', options.sample);
  const file = options.accounts === undefined ? undefined : argumentPath(options.accounts, io);
  const choice = { given: options.account ?? [], file, master: options.master, sample };
  const accounts = pairs.some(({ protocol }) => protocol !== 'smtp') ? comparedAccounts(io.layout, choice) : [];
  const mostMessages = countOf('--messages', options.messages) ?? Number.MAX_SAFE_INTEGER;
  const bar = await openBar('accounts');
  try {
    const rest = { pairs, accounts, sample, mostMessages, from: options.from };
    const report = await compareServers(io.layout, { ...rest, progress: bar.update });
    return { ...report, differences: withoutKnown(report.differences, options.ignore ?? []) };
  } finally {
    bar.stop();
  }
}

/** For an option that may be given more than once. */
export function collected(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}

/** Each old server with the one of ours that is called the same, or else with the only one of its protocol. */
function pairsOf({ old = [], new: ours = [] }: Options): ServerPair[] {
  const [before, now] = [old.map(parseServerAddress), ours.map(parseServerAddress)];
  if (before.length === 0 || before.length !== now.length)
    throw new PermanentError('5.5.4', 'migrate shadow: --old and --new are needed, of the same protocols');
  const pairs = before.map((address) => {
    const found = now.filter(({ protocol }) => protocol === address.protocol);
    const same = found.filter((other) => nameOf(other) === nameOf(address));
    const [other, ...others] = same.length > 0 ? same : found;
    if (other === undefined || others.length > 0) throw unpaired(nameOf(address));
    return { protocol: address.protocol, old: address, new: other };
  });
  const left = now.find((address) => !pairs.some((pair) => pair.new === address));
  if (left !== undefined) throw unpaired(nameOf(left));
  return pairs;
}

function unpaired(name: string): PermanentError {
  return new PermanentError('5.5.4', `migrate shadow: one --old and one --new ${name}=HOST:PORT are needed`);
}

function countOf(option: string, text: string | undefined): number | undefined {
  if (text !== undefined && !/^[1-9][0-9]{0,8}$/.test(text))
    throw new PermanentError('5.5.4', `migrate shadow: ${option} ${text}: a number is needed`);
  return text === undefined ? undefined : Number(text);
}

/** Lines for people; names of folders are no Latin-1. */
export function reportText({ differences, compared }: ShadowReport): string {
  const counts = compared.map(({ protocol, recipients, accounts, messages }) =>
    protocol === 'smtp'
      ? `smtp: ${recipients} recipients`
      : `${protocol}: ${accounts} accounts${isForSending(protocol) ? '' : `, ${messages} messages`}`,
  );
  const noticed = differences.filter(({ isNoticed }) => isNoticed).length;
  const result = noticed === 0 ? 'nothing differs that a client would notice' : `${noticed} differences`;
  return `${[...differenceLines(differences), `${counts.join('; ')}: ${result}`].join('\n')}\n`;
}

function isForSending(protocol: string): boolean {
  return protocol === 'submission' || protocol === 'smtps';
}

/** @throws TemporaryError when nothing was compared */
export function exitOf({ differences, compared }: ShadowReport): number {
  if (differences.some(({ isNoticed }) => isNoticed)) return 1;
  const idle = compared.find(({ recipients, accounts }) => recipients + accounts === 0);
  if (idle === undefined) return 0;
  throw new TemporaryError(
    '4.3.0',
    `${idle.protocol}: nothing was compared; give accounts by --account, --accounts or --master`,
  );
}
