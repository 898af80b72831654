// `vqmail migrate service --for systemd|daemontools|freebsd [--listen PROTO=PLACE]... [--into DIR] [-- OPTIONS OF serve]`: service files for this host, printed, or written into a
// folder with the names that they have in migrate/service. They start this very program with this very node. Exit 0; 100 for wrong usage or a file that is there and differs.

import fs from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { parseCommandLine } from '../../src/cli/command-line.js';
import { argumentPath, orFail, type ToolIo } from '../../src/cli/tool-io.js';
import { PermanentError } from '../../src/errors.js';
import { bytesPath } from '../../src/files/read.js';
import { defaultListen, managers, type ServiceFile, serviceFiles } from './files.js';
import { layoutOptions, thisProgram } from './program.js';

interface Options {
  readonly for?: string;
  readonly listen?: readonly string[];
  readonly program?: string;
  readonly into?: string;
}

/** @throws PermanentError for arguments */
export async function service(args: string[], io: ToolIo): Promise<number> {
  const command = new Command('vqmail migrate service')
    .argument('[options...]', 'behind --: further options of vqmail serve, such as -- --uidl dovecot')
    .option('--for <manager>', managers.join(', '))
    .option(
      '--listen <PROTO=ADDRESS:PORT>',
      `as of vqmail serve; ${defaultListen.join(' and ')} unless given`,
      collected,
    )
    .option('--program <path>', 'what starts vqmail; this program and its node unless given')
    .option('--into <dir>', 'write the files there instead of printing them');
  const options = parseCommandLine<Options>(command, args, io);
  if (options === undefined) return 0;
  const manager = managers.find((known) => known === options.for);
  if (manager === undefined)
    throw new PermanentError('5.5.4', `migrate service: --for ${managers.join('|')} is needed`);
  const { files, commands } = serviceFiles(manager, {
    program: options.program === undefined ? thisProgram() : [options.program],
    listen: options.listen ?? defaultListen,
    options: [...layoutOptions(io.layout), ...command.args],
  });
  if (options.into === undefined) for (const { place, text } of files) io.stdout(`==> ${place} <==\n${text}\n`);
  else for (const file of files) await place(file, argumentPath(options.into, io), io);
  io.stdout(`# When they are in place:\n${commands.map((line) => `#   ${line}\n`).join('')}`);
  return 0;
}

function collected(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}

async function place(file: ServiceFile, directory: string, io: ToolIo): Promise<void> {
  const target = path.join(directory, file.name);
  await orFail(`unable to write ${target}`, () => {
    fs.mkdirSync(bytesPath(path.dirname(target)), { recursive: true });
    const isThere = fs.existsSync(bytesPath(target));
    if (isThere && fs.readFileSync(bytesPath(target), 'latin1') !== file.text)
      throw new PermanentError('5.5.4', `${target} is there and is another one; move it away first`);
    if (!isThere) fs.writeFileSync(bytesPath(target), file.text, { encoding: 'latin1', mode: file.mode, flag: 'wx' });
  });
  io.stdout(`${target}, for ${file.place}\n`);
}
