// `vqmail migrate export ACCOUNT TARGET`: the mail of an account of this host to another IMAP server. Exit codes: migrate/copy/run.ts.

import { Command } from 'commander';
import { parseCommandLine } from '../../src/cli/command-line.js';
import { argumentPath, type ToolIo } from '../../src/cli/tool-io.js';
import { openHostAccount } from '../copy/host-account.js';
import { HostSource } from '../copy/host-source.js';
import { type CopyOptions, copyOptions, imapSession, wantedFolders } from '../copy/options.js';
import { runCopy } from '../copy/run.js';
import { ImapTarget } from '../imap/imap-target.js';

/** @throws PermanentError for arguments, and as migrate/copy/run.ts */
export async function exportMail(args: string[], io: ToolIo): Promise<number> {
  const command = copyOptions(new Command('vqmail migrate export'))
    .argument('<account>', 'of this host, such as joe@example.jp')
    .argument('<target>', 'imaps://USER@HOST or imap://USER@HOST');
  const options = parseCommandLine<CopyOptions>(command, args, io);
  if (options === undefined) return 0;
  const [account = '', target = ''] = command.args;
  const hostAccount = openHostAccount(io.layout, account);
  return runCopy(
    {
      source: new HostSource(hostAccount),
      target: new ImapTarget(await imapSession(target, options, io)),
      account: hostAccount,
      state: options.state === undefined ? undefined : argumentPath(options.state, io),
      isWanted: wantedFolders(options),
    },
    io,
  );
}
