// install-tools --into DIR [--force] [--wrappers] [--remove] [NAME...]: makes symbolic links with the names of the original tools, each leading to this program, which goes by the name that it
// is called by. So `/home/vpopmail/bin/vadduser` of scripts, of .qmail-default and of qmail-popup's command line may stay as they are.
//
//   DIR/NAME is                 becomes
//   not there                   a link to this program
//   a link to this program      what it is
//   something else              left alone; with --force a link, and what was there is kept as NAME.orig
//
// A link needs `node` in the PATH of whoever calls it, and 800 MB of address space. --wrappers makes small shell scripts instead, which know where node is and, where softlimit,
// ulimit or Dovecot's vsz_limit leave less, run it without its compiler (--jitless), which 200 MB are enough for.
//
// --remove takes the links away again and puts back each NAME.orig. Every step is one rename, so at no moment is a name missing. What was done is told, a line each.
// Exit 0; 100 when something was left alone, or for wrong usage; 111 when DIR cannot be written to.
//
// Without names it is all of the tools but qmail-queue, which has to be set-user-id: a link to a script cannot be, so it is made only by name. So is checkpassword, which is no original's.

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { describe, errnoOf, PermanentError } from '../errors.js';
import { parseCommandLine } from './command-line.js';
import { argumentPath, orFail, ToolFailure, type ToolIo } from './tool-io.js';
import { toolFolders } from './tools.js';

const onlyByName: ReadonlySet<string> = new Set(['qmail-queue', 'checkpassword']);

interface Options {
  readonly into?: string;
  readonly force?: boolean;
  readonly remove?: boolean;
  readonly wrappers?: boolean;
}

/** The tool. @returns its exit code */
export async function installTools(args: string[], io: ToolIo): Promise<number> {
  const command = new Command('install-tools')
    .description('makes links with the names of the original tools')
    .argument('[name...]', 'these tools only')
    .option('--into <dir>', 'the directory of the links, such as /home/vpopmail/bin')
    .option('--force', 'replace what is not ours, keeping it as NAME.orig')
    .option('--wrappers', 'shell scripts instead of links, for callers with a short PATH or little memory')
    .option('--remove', 'remove our links, and put back what was kept');
  const options = parseCommandLine<Options>(command, args, io);
  if (options === undefined) return 0;
  if (options.into === undefined) throw new PermanentError('5.5.4', 'install-tools: --into DIR is needed');
  const directory = argumentPath(options.into, io);
  const names = chosen(command.args);
  if (!fs.existsSync(directory)) throw new PermanentError('5.1.1', `${directory} is not there`);
  const [force, wrappers] = [options.force ?? false, options.wrappers ?? false];
  const place = { directory, program: program(), force, wrappers, io };
  if (!options.remove && !wrappers) tellWhereNodeIs(io);
  let left = 0;
  for (const name of names) {
    const isDone = await orFail(`unable to change ${path.join(directory, name)}`, () =>
      options.remove ? remove(place, name) : install(place, name),
    ).catch((error: unknown) => {
      if (!(error instanceof ToolFailure)) throw error;
      io.stderr(`install-tools: ${describe(error)}\n`);
      throw new PermanentError('5.3.0', 'nothing more was done', error);
    });
    if (!isDone) left++;
  }
  return left > 0 ? 100 : 0;
}

function chosen(given: readonly string[]): string[] {
  const all = Object.values(toolFolders).flatMap((folder) => Object.keys(folder));
  for (const name of given)
    if (!all.includes(name)) throw new PermanentError('5.5.4', `install-tools: there is no original tool ${name}`);
  return given.length > 0 ? [...given] : all.filter((name) => !onlyByName.has(name));
}

/** Mail programs are often started with a short PATH. */
function tellWhereNodeIs(io: ToolIo): void {
  const directory = path.dirname(process.execPath);
  if (['/usr/bin', '/bin'].includes(directory)) return;
  io.stderr(`install-tools: node is in ${directory}; whoever runs these tools, qmail-local too, needs it in PATH\n`);
}

/** The file that has all tools, where it was built; from the sources their entry. */
function program(): string {
  const own = fileURLToPath(import.meta.url);
  return path.join(path.dirname(own), own.endsWith('.ts') ? 'vqmail.ts' : 'vqmail.cjs');
}

interface Place {
  readonly directory: string;
  readonly program: string;
  readonly force: boolean;
  readonly wrappers: boolean;
  readonly io: ToolIo;
}

/** @returns whether the name leads to us now @throws the system error */
function install({ directory, program: target, force, wrappers, io }: Place, name: string): boolean {
  const file = path.join(directory, name);
  const kept = `${file}.orig`;
  const state = stateOf(file, target);
  const wrapper = wrappers ? wrapperText(target, name) : undefined;
  const what = wrappers ? 'script for' : 'link to';
  if (state === 'ours' && isSame(file, wrapper)) {
    io.stdout(`${name}: is a ${what} ${target} already\n`);
    return true;
  }
  if (state === 'foreign' && !force) {
    io.stderr(`${name}: is not ours and was left alone (--force replaces it and keeps it as ${name}.orig)\n`);
    return false;
  }
  if (state === 'foreign') {
    if (isThere(kept)) {
      io.stderr(`${name}: was left alone, since ${name}.orig is there already\n`);
      return false;
    }
    if (isSetUserId(file))
      io.stderr(
        `${name}: was set-user-id, which a link cannot be: whoever calls it must be root or the owner of the mail\n`,
      );
    keep(file, kept);
  }
  const temporary = path.join(directory, `.${name}.${process.pid}`);
  fs.rmSync(temporary, { force: true });
  if (wrapper === undefined) fs.symlinkSync(target, temporary);
  else fs.writeFileSync(temporary, wrapper, { mode: 0o755 });
  fs.renameSync(temporary, file);
  const told = { absent: '', ours: ', instead of ours', foreign: `, kept what was there as ${name}.orig` };
  io.stdout(`${name}: made a ${what} ${target}${told[state]}\n`);
  return true;
}

/** @returns whether nothing of us is left @throws the system error */
function remove({ directory, program: target, io }: Place, name: string): boolean {
  const file = path.join(directory, name);
  const kept = `${file}.orig`;
  const state = stateOf(file, target);
  if (state === 'absent') return true;
  if (state === 'foreign') {
    io.stderr(`${name}: is not ours and was left alone\n`);
    return false;
  }
  if (isThere(kept)) {
    fs.renameSync(kept, file);
    io.stdout(`${name}: put back ${name}.orig\n`);
  } else {
    fs.unlinkSync(file);
    io.stdout(`${name}: removed\n`);
  }
  return true;
}

/** What a name is: ours is also what another installation of this program has made. */
function stateOf(file: string, target: string): 'absent' | 'ours' | 'foreign' {
  const status = fs.lstatSync(file, { throwIfNoEntry: false });
  if (status === undefined) return 'absent';
  if (!status.isSymbolicLink()) return status.isFile() && isWrapper(file) ? 'ours' : 'foreign';
  const leads = fs.readlinkSync(file);
  return leads === target || /(?:^|\/)vqmail(?:\/.*)?\/cli\/vqmail\.c?js$/.test(leads) ? 'ours' : 'foreign';
}

/** @param wrapper undefined for a link */
function isSame(file: string, wrapper: string | undefined): boolean {
  const isLink = fs.lstatSync(file).isSymbolicLink();
  if (wrapper === undefined) return isLink && fs.readlinkSync(file) === program();
  return !isLink && fs.readFileSync(file, 'utf8') === wrapper;
}

const mark = '# made by vqmail install-tools --wrappers\n';

function isWrapper(file: string): boolean {
  return fs.readFileSync(file, 'latin1').startsWith(`#!/bin/sh\n${mark}`);
}

function wrapperText(target: string, name: string): string {
  const [node, script] = [process.execPath, target].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  return `#!/bin/sh
${mark}# Where the address space is limited, node runs without its compiler.
if [ "$(ulimit -v)" = unlimited ]; then
  exec ${node} ${script} ${name} "$@"
fi
exec ${node} --jitless --no-expose-wasm ${script} ${name} "$@"
`;
}

function isThere(file: string): boolean {
  return fs.lstatSync(file, { throwIfNoEntry: false }) !== undefined;
}

function isSetUserId(file: string): boolean {
  return ((fs.statSync(file, { throwIfNoEntry: false })?.mode ?? 0) & 0o4000) !== 0;
}

/** A second name, so that the first is never missing; where that cannot be had, the first is given up for a moment. */
function keep(file: string, kept: string): void {
  try {
    fs.linkSync(file, kept);
  } catch (error) {
    if (!['EPERM', 'EOPNOTSUPP', 'EMLINK', 'EXDEV'].includes(errnoOf(error) ?? '')) throw error;
    fs.renameSync(file, kept);
  }
}
