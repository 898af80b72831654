// `vqmail migrate preflight [--json] [--html FILE]`: looks at the whole host and says what moving it means. Reads only. Exit 0, whatever was found; 111 when the page could not be written.

import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { parseCommandLine } from '../../src/cli/command-line.js';
import { argumentPath, orFail, type ToolIo } from '../../src/cli/tool-io.js';
import { bytesPath } from '../../src/files/read.js';
import { openBar } from '../progress.js';
import { preflightPage } from './html.js';
import { lookAtHost } from './report.js';
import { preflightText } from './text.js';

interface Options {
  readonly json?: boolean;
  readonly html?: string;
}

/** @throws PermanentError for arguments */
export async function preflight(args: string[], io: ToolIo): Promise<number> {
  const command = new Command('vqmail migrate preflight')
    .option('--json', 'the report as JSON')
    .option('--html <file>', 'a page with tables and charts, for others to read');
  const options = parseCommandLine<Options>(command, args, io);
  if (options === undefined) return 0;
  const bar = await openBar('domains');
  const report = await lookAtHost(io.layout, { now: new Date(), progress: (done, of) => bar.update(done, of) });
  bar.stop();
  if (options.html !== undefined) {
    const file = argumentPath(options.html, io);
    // Names of the host are Latin-1 here, one character a byte; written so, they are what they were.
    const page = Buffer.from(preflightPage(report), 'latin1');
    await orFail(`unable to write ${file}`, () => writeFile(bytesPath(file), page));
  }
  if (options.json) io.stdout(`${JSON.stringify(report, null, 2)}\n`);
  else if (options.html === undefined) io.stdout(preflightText(report));
  return 0;
}
