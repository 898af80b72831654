// vmakedotqmail [-o] [-r] [-t] [-q ARGUMENT] -A | -d DOMAIN | -u ADDRESS: gives accounts the .qmail of the host's default delivery, a tool of vpopmail 5.6 (formats/vpopmail.md
// 9.4). Exit 0, or 255.
//
//   -A, -d, -u   all accounts of all domains, of one domain, one account
//   (none)       USER/.qmail becomes control/defaultdelivery, mode 0600, where there is none      -o   also where there is one      -t   says what would be done
//   -r           removes those that are exactly control/defaultdelivery
//   -q ARGUMENT  instead: DOMAIN/.qmail-default becomes `| ~vpopmail/bin/vdelivermail '' ARGUMENT`, for -A and -d
//
// Without control/defaultdelivery, and where it mentions vdelivermail, which would deliver in a circle, there is nothing to give: 255. A build of vpopmail without default
// delivery says so, too.
// Not copied: .qmail-default is written without its last line feed, in place, and given to vpopmail whoever's the domain is.

import fs from 'node:fs';
import path from 'node:path';
import { VpopmailError } from '../../admin/vpopmail-error.js';
import { bytesPath, readIfPresent } from '../../files/read.js';
import { replaceFile } from '../../files/replace.js';
import { syncDirectory } from '../../files/sync.js';
import { vdelivermailText } from '../../formats/dot-qmail/vdelivermail-command.js';
import { accountFiles } from '../../layout.js';
import { lower } from '../../mail/address.js';
import type { DomainPlace } from '../../stores/accounts/account-index.js';
import { listedDomains } from '../../stores/accounts/domain-list.js';
import { accountsOf } from '../../stores/accounts/enumeration.js';
import { replaceCatchAll } from '../../stores/domains/aliases.js';
import type { Host } from '../../stores/host.js';
import { getopt, originalProgram } from '../getopt.js';
import type { ToolIo } from '../tool-io.js';
import { parseAddress, runAccountTool, versionLine } from '../users/account-tool.js';

const usage = `vmakedotqmail: usage: [options] -A | -d domain | -u email_address
options: -v (print version number)
         -A (all accounts of all domains)
         -d domain (all accounts of the domain)
         -u email_address (this account)
         -o (replace a .qmail that is there)
         -r (remove .qmail files that are the default delivery)
         -t (say what would be done)
         -q argument (write .qmail-default: bounce-no-mailbox, delete or an address)
`;

interface Wanted {
  readonly whose: { readonly kind: 'all' } | { readonly kind: 'domain' | 'user'; readonly name: string };
  readonly overwrites: boolean;
  readonly removes: boolean;
  readonly onlySays: boolean;
  readonly catchAll: string | undefined;
}

interface Place extends DomainPlace {
  readonly name: string;
}

/** The tool. @returns its exit code */
export async function vmakedotqmail(args: string[], io: ToolIo): Promise<number> {
  const wanted = readArguments(args, io);
  if (wanted === undefined) {
    io.stdout(usage);
    return 255;
  }
  return runAccountTool('vmakedotqmail', io, async (host) => {
    if (wanted.catchAll !== undefined) return setCatchAll(host, wanted, wanted.catchAll, io);
    const text = readIfPresent(host.layout.control('defaultdelivery'));
    if (text === undefined || text.includes('vdelivermail')) {
      io.stdout('You must have a control/defaultdelivery without vdelivermail in it to use this program.\n');
      return 255;
    }
    for (const { place, home } of accounts(host, wanted, io)) await give(place, home, text, wanted, io);
    return 0;
  });
}

function readArguments(args: readonly string[], io: ToolIo): Wanted | undefined {
  const { options } = getopt(args, 'vAd:u:ortq:', 'vmakedotqmail', io, true);
  let whose: Wanted['whose'] | undefined;
  let catchAll: string | undefined;
  for (const { letter, value = '' } of options) {
    if (letter === '?') return undefined;
    if (letter === 'v') io.stdout(versionLine);
    else if (letter === 'A') whose = { kind: 'all' };
    else if (letter === 'd') whose = { kind: 'domain', name: value };
    else if (letter === 'u') whose = { kind: 'user', name: value };
    else if (letter === 'q') catchAll = value;
  }
  if (whose === undefined || (catchAll !== undefined && whose.kind === 'user')) return undefined;
  const has = (letter: string): boolean => options.some((option) => option.letter === letter);
  return { whose, overwrites: has('o'), removes: has('r'), onlySays: has('t'), catchAll };
}

function domains(host: Host, { whose }: Wanted): Place[] {
  if (whose.kind === 'all') return (listedDomains(host.layout) ?? []).filter(({ name, realName }) => name === realName);
  const domain = host.domain(lower(whose.kind === 'domain' ? whose.name : ''));
  if (domain === undefined) throw new VpopmailError('domainDoesNotExist');
  return [domain];
}

function* accounts(host: Host, wanted: Wanted, io: ToolIo): Generator<{ place: DomainPlace; home: string }> {
  if (wanted.whose.kind === 'user') {
    const { name, domain: domainName } = parseAddress(wanted.whose.name, host, io);
    const place = host.domain(domainName);
    const account = place?.account(name);
    if (place === undefined || account === undefined || account.directory === '')
      throw new VpopmailError('userDoesNotExist');
    yield { place, home: account.directory };
    return;
  }
  for (const place of domains(host, wanted))
    for (const { dir } of accountsOf(place)) if (dir !== '') yield { place, home: host.layout.disk(dir) };
}

async function give(place: DomainPlace, home: string, text: Buffer, wanted: Wanted, io: ToolIo): Promise<void> {
  const file = accountFiles.dotQmail(home, '');
  const shown = io.layout.host(file);
  if (fs.statSync(bytesPath(home), { throwIfNoEntry: false }) === undefined) {
    io.stderr(`${io.layout.host(home)}: is not there\n`);
    return;
  }
  const found = readIfPresent(file);
  if (wanted.removes) {
    if (!found?.equals(text)) return;
    io.stdout(`${wanted.onlySays ? 'would remove' : 'removed'} ${shown}\n`);
    if (wanted.onlySays) return;
    fs.unlinkSync(bytesPath(file));
    await syncDirectory(path.dirname(file));
    return;
  }
  if (found !== undefined && !wanted.overwrites) return;
  if (wanted.onlySays) io.stdout(`would write ${shown}\n`);
  else {
    const { uid, gid } = place;
    await replaceFile(file, text, { mode: 0o600, uid, gid, temporaryName: `.dotqmail.${process.pid}` });
  }
}

async function setCatchAll(host: Host, wanted: Wanted, argument: string, io: ToolIo): Promise<number> {
  const line = vdelivermailText(originalProgram('vdelivermail', io), argument);
  for (const domain of domains(host, wanted)) {
    if (wanted.onlySays) io.stdout(`would write .qmail-default of ${domain.name}\n`);
    else await replaceCatchAll(domain, line);
  }
  return 0;
}
