// clearopensmtp: ends the relaying of those who logged in more than three hours ago (formats/vpopmail.md 7.4); for cron. Any arguments are ignored. Exit 0, or 255 when
// open-smtp cannot be written.
//
// What is left out: the relay minutes are vpopmail's default of 180, which it has compiled in.

import { ConfigurationError, describe, TemporaryError } from '../../errors.js';
import { SystemAccounts } from '../../files/accounts.js';
import { lineLog } from '../../log.js';
import { RelayTable } from '../../stores/relay-table.js';
import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function clearopensmtp(_args: string[], io: ToolIo): Promise<number> {
  const log = lineLog((line) => io.stderr(`clearopensmtp: ${line}`));
  const table = new RelayTable(io.layout, new SystemAccounts(io.layout), log, { mode: 0o666 & ~io.umask });
  try {
    await table.clear(Math.floor(Date.now() / 1000));
    return 0;
  } catch (error) {
    if (error instanceof ConfigurationError) {
      io.stderr(`Warning: update_rules() - tcprules failed\n${error.message}\n`);
      return 0;
    }
    if (!(error instanceof TemporaryError)) throw error;
    io.stdout('Error, could not create open-smtp.tmp\n');
    io.stderr(`clearopensmtp: ${describe(error)}\n`);
    return 255;
  }
}
