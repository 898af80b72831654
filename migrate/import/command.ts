// `vqmail migrate import SOURCE ACCOUNT`: mail from another server, or from Maildirs and mbox files on disk, into an account of this host. `--list FILE` does it for many. `--accounts FILE` makes
// accounts of another system's list.
//
// Exit codes: migrate/copy/run.ts, the worst of a list; of --accounts those of vadduser --batch.

import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { parseCommandLine } from '../../src/cli/command-line.js';
import { argumentPath, orFail, type ToolIo } from '../../src/cli/tool-io.js';
import { runAccountTool } from '../../src/cli/users/account-tool.js';
import { addListedAccounts } from '../../src/cli/users/vadduser-batch.js';
import { describe, PermanentError } from '../../src/errors.js';
import { bytesPath } from '../../src/files/read.js';
import { lineTexts } from '../../src/formats/text-lines.js';
import { type AccountListLine, csvFields, parseAccountList } from '../../src/formats/vpopmail/account-list.js';
import type { Source } from '../copy/ends.js';
import { openHostAccount } from '../copy/host-account.js';
import { HostTarget } from '../copy/host-target.js';
import { type CopyOptions, copyOptions, imapSession, wantedFolders } from '../copy/options.js';
import { runCopy } from '../copy/run.js';
import { ImapSource } from '../imap/imap-source.js';
import { isImapPlace } from '../imap/place.js';
import { DiskSource } from './disk-source.js';
import { parseDovecotUsers, parsePasswd } from './system-accounts.js';

interface Options extends CopyOptions {
  readonly list?: string;
  readonly accounts?: string;
  readonly format: string;
  readonly shadow?: string;
  readonly domain?: string;
}

/** @throws PermanentError for arguments, and as migrate/copy/run.ts */
export async function importMail(args: string[], io: ToolIo): Promise<number> {
  const command = copyOptions(new Command('vqmail migrate import'))
    .argument(
      '[source]',
      'imaps://USER@HOST, imap://USER@HOST, or the path of a Maildir, an mbox file, or a directory of either',
    )
    .argument('[account]', 'of this host, such as joe@example.jp')
    .option('--list <file>', 'many: lines SOURCE,ACCOUNT or SOURCE,ACCOUNT,PASSWORD')
    .option('--accounts <file>', 'makes accounts of this list instead')
    .option(
      '--format <csv|passwd|dovecot>',
      "of --accounts: as of vadduser --batch (CSV, vpasswd), passwd(5), Dovecot's passwd-file",
      'csv',
    )
    .option('--shadow <file>', 'of --accounts: the hashes for --format passwd')
    .option('--domain <name>', 'of --accounts: for names without one');
  const options = parseCommandLine<Options>(command, args, io);
  if (options === undefined) return 0;
  const [source, account] = command.args;
  if (options.accounts !== undefined) {
    if (source !== undefined)
      throw new PermanentError('5.5.4', 'migrate import: --accounts goes without SOURCE and ACCOUNT');
    return importAccounts(options.accounts, options, io);
  }
  if (options.list !== undefined && source === undefined) return importList(options.list, options, io);
  if (source === undefined || account === undefined || options.list !== undefined)
    throw new PermanentError(
      '5.5.4',
      'migrate import: SOURCE and ACCOUNT are needed, or --list FILE, or --accounts FILE',
    );
  return importOne({ source, account }, options, io);
}

interface Wanted {
  readonly source: string;
  readonly account: string;
  readonly password?: string | undefined;
}

async function importOne({ source, account, password }: Wanted, options: CopyOptions, io: ToolIo): Promise<number> {
  const hostAccount = openHostAccount(io.layout, account);
  return runCopy(
    {
      source: await openSource(source, password, options, io),
      target: new HostTarget(hostAccount),
      account: hostAccount,
      state: options.state === undefined ? undefined : argumentPath(options.state, io),
      isWanted: wantedFolders(options),
    },
    io,
  );
}

async function openSource(
  source: string,
  password: string | undefined,
  options: CopyOptions,
  io: ToolIo,
): Promise<Source> {
  if (isImapPlace(source)) return new ImapSource(await imapSession(source, options, io, password));
  const path = argumentPath(source, io);
  return orFail(`unable to read ${path}`, () => new DiskSource(path));
}

/** One after the other; trouble with one is told, and the next is begun. */
async function importList(file: string, options: Options, io: ToolIo): Promise<number> {
  if (options.state !== undefined) throw new PermanentError('5.5.4', 'migrate import: --state is for one account');
  let worst = 0;
  for (const [index, text] of lineTexts(await readList(file, io)).entries()) {
    if (/^\s*(#|$)/.test(text)) continue;
    const [source = '', account = '', password, ...more] = csvFields(text.replace(/\r$/, '')) ?? [];
    try {
      if (account === '' || more.length > 0)
        throw new PermanentError('5.5.4', 'is not SOURCE,ACCOUNT or SOURCE,ACCOUNT,PASSWORD');
      worst = Math.max(worst, await importOne({ source, account, password: password || undefined }, options, io));
    } catch (error) {
      io.stderr(`${file}:${index + 1}: ${describe(error)}\n`);
      worst = 111;
    }
  }
  return worst;
}

async function importAccounts(file: string, options: Options, io: ToolIo): Promise<number> {
  const { format, shadow, domain } = options;
  const bytes = await readList(file, io);
  const hashes = shadow === undefined ? undefined : await readList(shadow, io);
  const lists: Readonly<Record<string, () => Iterable<AccountListLine>>> = {
    csv: () => parseAccountList(bytes),
    passwd: () => parsePasswd(bytes, hashes),
    dovecot: () => parseDovecotUsers(bytes),
  };
  const list = Object.hasOwn(lists, format) ? lists[format] : undefined;
  if (list === undefined)
    throw new PermanentError(
      '5.5.4',
      `migrate import: --format ${format} is none; there are ${Object.keys(lists).join(', ')}`,
    );
  return runAccountTool('migrate import', io, (host) =>
    addListedAccounts(host, list(), { shown: file, domain, scheme: undefined }, io),
  );
}

function readList(file: string, io: ToolIo): Promise<Buffer> {
  const path = argumentPath(file, io);
  return orFail(`unable to read ${path}`, () => readFile(bytesPath(path)));
}
