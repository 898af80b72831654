// `vqmail migrate snapshot FILE` records what clients see of every account; `vqmail migrate verify --before FILE` tells what is otherwise now. Both only read the host.
//
// Exit of verify: 0 when nothing differs that a client would notice, 1 when something does, 111 when a file is no whole snapshot.

import fs from 'node:fs';
import { Command } from 'commander';
import { parseCommandLine } from '../../src/cli/command-line.js';
import { argumentPath, orFail, type ToolIo } from '../../src/cli/tool-io.js';
import { PermanentError } from '../../src/errors.js';
import { bytesPath } from '../../src/files/read.js';
import { isUidlForm, type UidlForm } from '../../src/stores/maildir/uidl.js';
import { openBar } from '../progress.js';
import { compareSnapshots, headOf } from './compare.js';
import type { SnapshotEnd } from './format.js';
import { takeSnapshot } from './take.js';

interface Options {
  readonly uidl: string;
  readonly bodies: boolean;
  readonly messagesPerSecond?: string;
}

/** @throws PermanentError for arguments, ConfigurationError for a file that cannot be used */
export async function snapshot(args: string[], io: ToolIo): Promise<number> {
  const command = new Command('vqmail migrate snapshot')
    .argument('<file>', 'where it is written; one that was begun is gone on with')
    .option('--uidl <qmail|dovecot|courier>', 'whose unique ids POP3 clients know, as of vqmail serve', 'qmail')
    .option('--no-bodies', 'do not read the messages: no sizes and hashes')
    .option('--messages-per-second <n>', 'at most so many');
  const options = parseCommandLine<Options>(command, args, io);
  if (options === undefined) return 0;
  if (!isUidlForm(options.uidl)) throw new PermanentError('5.5.4', `migrate snapshot: --uidl ${options.uidl} is none`);
  const { accounts, folders, messages } = await take(command.args[0] ?? '', { ...options, uidl: options.uidl }, io);
  io.stdout(`${accounts} accounts, ${folders} folders, ${messages} messages\n`);
  return 0;
}

interface VerifyOptions {
  readonly before?: string;
  readonly after?: string;
  readonly messagesPerSecond?: string;
}

/** @throws PermanentError for arguments, ConfigurationError for a file that cannot be used */
export async function verify(args: string[], io: ToolIo): Promise<number> {
  const command = new Command('vqmail migrate verify')
    .option('--before <file>', 'the snapshot from before the step')
    .option('--after <file>', 'compare with this snapshot, instead of the host as it is now')
    .option('--messages-per-second <n>', 'at most so many');
  const options = parseCommandLine<VerifyOptions>(command, args, io);
  if (options === undefined) return 0;
  if (options.before === undefined) throw new PermanentError('5.5.4', 'migrate verify: --before FILE is needed');
  const before = argumentPath(options.before, io);
  const head = await orFail(`unable to read ${before}`, () => headOf(before));
  const now = options.after === undefined ? `${before}.now` : argumentPath(options.after, io);
  if (options.after === undefined) {
    if (!isUidlForm(head.uidl))
      throw new PermanentError('5.5.4', `${before}: its unique ids are of no kind that is known`);
    await beginOrGoOn(now, io);
    await take(now, { uidl: head.uidl, bodies: head.bodies, messagesPerSecond: options.messagesPerSecond }, io);
  }
  let differences = 0;
  const counts = await orFail(`unable to read ${now}`, () =>
    compareSnapshots(before, now, ({ account, folder, text }) => {
      differences++;
      io.stdout(
        `${account}${folder === undefined ? '' : ` ${folder}`}: ${text}\n`.replace(/[\x00-\x09\x0b-\x1f\x7f]/g, '?'),
      );
    }),
  );
  if (options.after === undefined) fs.rmSync(bytesPath(now));
  io.stdout(
    `${counts.folders} folders, ${counts.messages} messages, ${counts.newMessages} new since: ${differences === 0 ? 'nothing differs' : `${differences} differences`}\n`,
  );
  return differences === 0 ? 0 : 1;
}

/** A look that was killed is gone on with, which is said; what a comparison that was killed has left is no news any more. */
async function beginOrGoOn(now: string, io: ToolIo): Promise<void> {
  if (!fs.existsSync(bytesPath(now))) return;
  const isWhole = await headOf(now).then(
    () => true,
    () => false,
  );
  if (isWhole) fs.rmSync(bytesPath(now));
  else
    io.stderr(
      `goes on with ${now}, begun ${fs.statSync(bytesPath(now)).birthtime.toISOString()}; remove it to begin anew\n`,
    );
}

async function take(
  file: string,
  options: Omit<Options, 'uidl'> & { readonly uidl: UidlForm },
  io: ToolIo,
): Promise<SnapshotEnd['end']> {
  const { uidl, bodies, messagesPerSecond: rate } = options;
  if (rate !== undefined && !/^[1-9][0-9]{0,6}$/.test(rate))
    throw new PermanentError('5.5.4', `--messages-per-second ${rate}: a number is needed`);
  const path = argumentPath(file, io);
  const bar = await openBar('accounts');
  try {
    const messagesPerSecond = rate === undefined ? undefined : Number(rate);
    return await orFail(`unable to write ${path}`, () =>
      takeSnapshot(io.layout, path, {
        uidl,
        bodies,
        messagesPerSecond,
        progress: (done, of, messages) => bar.update(done, of, `, ${messages} messages`),
      }),
    );
  } finally {
    bar.stop();
  }
}
