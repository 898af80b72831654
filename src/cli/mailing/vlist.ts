// vlist COMMAND ...: ezmlm's mailing lists of a domain (formats/vpopmail.md 6.7). The lists are ezmlm's: a `.qmail-NAME` whose first line runs ezmlm-send or ezmlm-reject. Where
// no ezmlm is installed there are none, and the answers are the original's.
//
//   count DOMAIN, list DOMAIN                                    how many lists, which
//   show LIST                                                    its directory and options
//   create LIST, delete LIST                                     with ezmlm-make; the directory and the .qmail files
//   subscriber|moderator|digest|kill LIST add|delete ADDRESS     with ezmlm-sub, ezmlm-unsub
//   subscriber|moderator|digest|kill LIST count|list             with ezmlm-list
//
//   exit 0    3 `Error: 3 - Domain does not exist.`    6 `Error: 6 - mailing list does not exist`    101 usage    111 a program of ezmlm failed
//
// ezmlm's programs are those of /usr/local/bin/ezmlm (the directory that vpopmail is built with), else of PATH; they run as the domain's owner. Without them `create` does nothing
// and says nothing, as recorded. Left out: update and explain, which turn letters of one manager's options into another's; use ezmlm-make.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { mayChangeOwner } from '../../files/owner.js';
import { bytesPath, readIfPresent } from '../../files/read.js';
import { removeTree } from '../../files/tree.js';
import { lower, splitAddress } from '../../mail/address.js';
import { aliasLines, aliasNames, deleteAlias } from '../../stores/domains/aliases.js';
import type { Domain } from '../../stores/domains/domain.js';
import type { Host } from '../../stores/host.js';
import { ToolFailure, type ToolIo } from '../tool-io.js';
import { runAccountTool } from '../users/account-tool.js';

const groups = ['subscriber', 'moderator', 'digest', 'kill'] as const;

const usage = `At least two parameters are required

vlist:
   usage: vlist list_name command 

Commands that affect the entire list
   vlist count   domain 
   vlist list    domain 
   vlist create  list_name 
   vlist update  list_name 
   vlist delete  list_name 
   vlist show    list_name 
   vlist explain list_name 

      note: you can alter single options with update.

${groups
  .map((group) => {
    const heading = `Commands that affect ${group === 'kill' ? 'kill file' : `${group}s`}\n`;
    const acts = ['add address', 'count', 'delete address', 'list'];
    return heading + acts.map((act) => `   vlist ${group} list_name ${act}\n`).join('');
  })
  .join('\n')}
`;

/** Which of ezmlm's databases a command is about: the sub-directory of the list. */
const databases: Readonly<Record<(typeof groups)[number], string>> = {
  subscriber: '.',
  moderator: 'mod',
  digest: 'digest',
  kill: 'deny',
};

const programDirectory = '/usr/local/bin/ezmlm';

/** A list that is there. */
interface MailingList {
  readonly domain: Domain;
  readonly name: string;
  /** Disk path. */
  readonly directory: string;
}

/** The tool. @returns its exit code */
export async function vlist(args: string[], io: ToolIo): Promise<number> {
  const [command = '', subject] = args;
  if (subject === undefined) return showUsage(io);
  return runAccountTool('vlist', io, async (host) => {
    const isDomainCommand = command === 'count' || command === 'list';
    const { local, domain: given } = splitAddress(lower(subject));
    const domain = host.domain(isDomainCommand ? lower(subject) : (given ?? ''));
    if (domain === undefined) return failed(3, 'Domain does not exist.', io);
    if (isDomainCommand) return list(domain, command === 'count', io);
    if (command === 'create') return create(host, domain, local, io);
    const found = await findList(domain, local);
    if (found === undefined) return failed(6, 'mailing list does not exist', io);
    if (command === 'show') return show(found, io);
    if (command === 'delete') return remove(found);
    const group = groups.find((name) => name === command);
    return group === undefined ? showUsage(io) : members(found, databases[group], args.slice(2), io);
  });
}

function showUsage(io: ToolIo): number {
  io.stdout(usage);
  return 101;
}

function failed(code: number, text: string, io: ToolIo): number {
  io.stdout(`Error: ${code} - ${text}\n`);
  return code;
}

async function listNames(domain: Domain): Promise<string[]> {
  const names = await aliasNames(domain);
  return names.filter((name) => /ezmlm-(?:reject|send)/.test(aliasLines(domain, name)?.[0] ?? ''));
}

async function list(domain: Domain, isCount: boolean, io: ToolIo): Promise<number> {
  const names = await listNames(domain);
  io.stdout(isCount ? `${names.length}\n` : names.map((name) => `${name}@${domain.name}\n`).join(''));
  return 0;
}

async function findList(domain: Domain, name: string): Promise<MailingList | undefined> {
  if (!(await listNames(domain)).includes(name)) return undefined;
  return { domain, name, directory: path.join(domain.directory, name.replaceAll('.', ':')) };
}

async function create(host: Host, domain: Domain, name: string, io: ToolIo): Promise<number> {
  const program = ezmlm('ezmlm-make');
  if (program === undefined) return 0;
  const fileName = name.replaceAll('.', ':');
  const directory = path.posix.join(domain.hostDirectory, fileName);
  const dot = path.posix.join(domain.hostDirectory, `.qmail-${fileName}`);
  run(domain, program, [host.layout.disk(directory), host.layout.disk(dot), name, domain.name], io);
  return 0;
}

function show({ name, domain, directory }: MailingList, io: ToolIo): number {
  io.stdout(`${name}@${domain.name}\ndirectory: ${io.layout.host(directory)}\n`);
  const options = readIfPresent(path.join(directory, 'config'));
  if (options !== undefined) io.stdout(options);
  return 0;
}

async function remove({ domain, name, directory }: MailingList): Promise<number> {
  const begin = `.qmail-${name.replaceAll('.', ':')}`;
  for (const file of fs.readdirSync(bytesPath(domain.directory), { encoding: 'latin1' })) {
    const isNamedSo = file === begin || file.startsWith(`${begin}-`);
    if (isNamedSo && isOfList(path.join(domain.directory, file), directory))
      await deleteAlias(domain, file.slice('.qmail-'.length).replaceAll(':', '.'));
  }
  // Not what an account of the same name has there.
  if (fs.existsSync(bytesPath(path.join(directory, 'editor')))) await removeTree(directory);
  return 0;
}

/** Whether a .qmail file is one of the list's: a link into its directory, or a line that runs ezmlm. */
function isOfList(file: string, directory: string): boolean {
  if (!fs.lstatSync(bytesPath(file)).isSymbolicLink()) return readIfPresent(file)?.includes('ezmlm-') ?? false;
  const leads = path.resolve(path.dirname(file), fs.readlinkSync(bytesPath(file), 'latin1'));
  return leads.startsWith(`${directory}/`);
}

function members(
  { domain, directory }: MailingList,
  database: string,
  [act = '', address]: readonly string[],
  io: ToolIo,
): number {
  if (act === 'add' || act === 'delete') {
    if (address === undefined) return showUsage(io);
    run(domain, needed(act === 'add' ? 'ezmlm-sub' : 'ezmlm-unsub'), [directory, database, address], io);
    return 0;
  }
  if (act !== 'list' && act !== 'count') return showUsage(io);
  const lines = run(domain, needed('ezmlm-list'), [directory, database], io);
  io.stdout(act === 'list' ? lines : `${lines.split('\n').length - 1}\n`);
  return 0;
}

function needed(name: string): string {
  const program = ezmlm(name);
  if (program === undefined) throw new ToolFailure(111, `${name} is not installed`);
  return program;
}

function ezmlm(name: string): string | undefined {
  const places = [programDirectory, ...(process.env.PATH ?? '').split(':')];
  return places.map((place) => path.join(place, name)).find((file) => fs.existsSync(file));
}

/** Runs a program of ezmlm as the domain's owner. @returns what it printed */
function run({ uid, gid }: Domain, program: string, args: readonly string[], io: ToolIo): string {
  const owner = mayChangeOwner() ? { uid, gid } : {};
  const { status, stdout, stderr, error } = spawnSync(program, args, { ...owner, encoding: 'latin1', cwd: '/' });
  if (error !== undefined) throw new ToolFailure(111, `${program}: ${error.message}`);
  io.stderr(stderr);
  if (status !== 0) throw new ToolFailure(111, `${program} failed with status ${status}`);
  return stdout;
}
