// valias [-v] [-n | -s | -d | -i LINE] ADDRESS|DOMAIN: shows and sets aliases, the .qmail-NAME files of a domain (stores/domains/aliases.ts), as the original.
//
//   (none), -s    `alias@domain -> line` for each line        -n   the names in a domain
//   -i LINE       adds a line, as it is                       -d   removes the alias
//
//   exit    0    also for -i and -d with an unknown domain, as the original, which says so on standard output
//           255  nothing was found to show, a line is there already, ADDRESS is missing or holds what no address does
//           254  an unknown option
//
// Ours beside it: `--json` shows `[{"alias": "sales@example.jp", "lines": ["joe@example.jp"]}]`. Everything else than the usage goes by the real domain of an alias domain.
// Not copied: a line of 160 bytes and more is refused (the original says nothing and adds nothing), as is one with a line feed; a name with a slash leads to no file; `-d
// default@domain` does not remove the .qmail-default without which the whole domain has no mail, but takes out again what `-i` put there.

import { VpopmailError } from '../../admin/vpopmail-error.js';
import { PermanentError } from '../../errors.js';
import { lower } from '../../mail/address.js';
import {
  type Alias,
  addAliasLine,
  aliasesOf,
  aliasLines,
  aliasNames,
  changeAlias,
  deleteAlias,
} from '../../stores/domains/aliases.js';
import type { Domain } from '../../stores/domains/domain.js';
import type { Host } from '../../stores/host.js';
import { getopt } from '../getopt.js';
import type { ToolIo } from '../tool-io.js';
import { parseAddress, runAccountTool, takeLongOptions, versionLine } from '../users/account-tool.js';

const usage = `valias: usage: [options] email_address 
options: -v ( display the vpopmail version number )
         -n ( show alias names, use just domain )
         -s ( show aliases, can use just domain )
         -d ( delete alias )
         -i alias_line (insert alias line)

Example: valias -i fred@inter7.com bob@inter7.com
         (adds alias from bob@inter7.com to fred@inter7.com
`;

const longestLine = 159;

interface Wanted {
  readonly act: 'show' | 'names' | 'insert' | 'delete';
  readonly line: string;
  readonly address: string;
  readonly json: boolean;
}

/** The tool. @returns its exit code */
export async function valias(args: string[], io: ToolIo): Promise<number> {
  const { given, rest } = takeLongOptions(args, { json: false });
  const wanted = readArguments(rest, given.has('json'), io);
  if (typeof wanted === 'number') return wanted;
  return runAccountTool('valias', io, async (host) => {
    try {
      if (wanted.act === 'insert') return await insert(host, wanted, io);
      if (wanted.act === 'delete') return await remove(host, wanted, io);
      return await show(host, wanted, io);
    } catch (error) {
      if (error instanceof VpopmailError && error.kind === 'illegalUsername') {
        io.stderr(`Error: ${error.message}\n`);
        return error.exitStatus;
      }
      // What no file can be called or hold; nothing of it is retried.
      if (!(error instanceof PermanentError)) throw error;
      if (wanted.act === 'show') return 255;
      throw new VpopmailError('invalidEmailCharacter', error.message, error);
    }
  });
}

function readArguments(args: readonly string[], json: boolean, io: ToolIo): Wanted | number {
  const { options, operands } = getopt(args, 'vnsdi:', 'valias', io, true);
  let act: Wanted['act'] = 'show';
  let line = '';
  for (const { letter, value = '' } of options) {
    if (letter === 'v') io.stdout(versionLine);
    else if (letter === 'n') act = 'names';
    else if (letter === 's') act = 'show';
    else if (letter === 'd') act = 'delete';
    else if (letter === 'i') [act, line] = ['insert', value];
    else {
      io.stdout(usage);
      return 254;
    }
  }
  const [address] = operands;
  if (address === undefined || address === '') {
    io.stderr('must supply alias email address\n');
    io.stdout(usage);
    return 255;
  }
  if (act === 'names' && address.includes('@')) {
    io.stderr('Please enter domain name only.\n');
    return 255;
  }
  return { act, line, address, json };
}

async function show(host: Host, { act, address, json }: Wanted, io: ToolIo): Promise<number> {
  const isAddress = address.includes('@');
  const { name, domain: domainName } = isAddress
    ? parseAddress(address, host, io)
    : { name: '', domain: lower(address) };
  const domain = findDomain(host, domainName, io);
  if (domain === undefined) return 255;
  if (act === 'names') {
    const names = await aliasNames(domain);
    io.stdout(json ? `${JSON.stringify(names)}\n` : names.map((alias) => `${alias}\n`).join(''));
    return names.length === 0 ? 255 : 0;
  }
  const lines = isAddress ? aliasLines(domain, name) : undefined;
  const aliases = isAddress ? (lines === undefined ? [] : [{ name, lines }]) : await aliasesOf(domain);
  io.stdout(json ? asJson(aliases, domain) : asText(aliases, domain));
  return aliases.some(({ lines }) => lines.length > 0) ? 0 : 255;
}

function asText(aliases: readonly Alias[], { name: domain }: Domain): string {
  return aliases.flatMap(({ name, lines }) => lines.map((line) => `${name}@${domain} -> ${line}\n`)).join('');
}

function asJson(aliases: readonly Alias[], { name: domain }: Domain): string {
  return `${JSON.stringify(
    aliases.map(({ name, lines }) => ({ alias: `${name}@${domain}`, lines })),
    undefined,
    2,
  )}\n`;
}

async function insert(host: Host, { address, line }: Wanted, io: ToolIo): Promise<number> {
  const { name, domain: domainName } = parseAddress(address, host, io);
  const domain = findDomain(host, domainName, io);
  if (domain === undefined) {
    // The original looks twice, for the line and for the file.
    findDomain(host, domainName, io);
    return 0;
  }
  if (line.length > longestLine) throw new VpopmailError('aliasLineTooLong');
  if (aliasLines(domain, name)?.includes(line)) {
    io.stderr(`Error: alias ${name}@${domain.name} -> ${line} already exists.\n`);
    return 255;
  }
  await addAliasLine(domain, name, line);
  return 0;
}

async function remove(host: Host, { address }: Wanted, io: ToolIo): Promise<number> {
  const { name, domain: domainName } = parseAddress(address, host, io);
  const domain = findDomain(host, domainName, io);
  if (domain === undefined) return 0;
  if (name !== 'default') {
    await deleteAlias(domain, name);
    return 0;
  }
  // A program line is how all of the domain's mail is delivered.
  const [first] = aliasLines(domain, name) ?? [];
  if (first?.startsWith('|')) await changeAlias(domain, name, ([kept]) => (kept === undefined ? [] : [kept]));
  else await deleteAlias(domain, name);
  return 0;
}

function findDomain(host: Host, name: string, io: ToolIo): Domain | undefined {
  const domain = name === '' ? undefined : host.domain(name);
  if (domain === undefined) io.stdout('invalid domain, not in qmail assign file\n');
  return domain;
}
