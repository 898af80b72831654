// vdeloldusers -d DOMAIN | -e [-a DAYS] [-D] [-V]: lists or (-D) removes the accounts of a domain, or of all, whose lastauth is older than so many days; as the original.
// postmaster is never old, nor is an account without lastauth. Exit 0; 255 where neither -d nor -e is given.
//
// Not copied: the original's days overflow (more than 24855 count as fewer, and accounts go that should not), and its list ends at a line that is no account.

import fs from 'node:fs';
import { deleteUser } from '../../admin/users/delete-user.js';
import { giveLimitsWith } from '../../admin/users/domain-access.js';
import { bytesPath } from '../../files/read.js';
import { accountFiles } from '../../layout.js';
import { lower } from '../../mail/address.js';
import { listedDomains } from '../../stores/accounts/domain-list.js';
import { accountsOf } from '../../stores/accounts/enumeration.js';
import type { Host } from '../../stores/host.js';
import { getopt } from '../getopt.js';
import type { ToolIo } from '../tool-io.js';
import { runAccountTool, versionLine } from './account-tool.js';

const usage = `vdeloldusers: usage: [options]
options: -a age_in_days (will delete accounts older than this date)
                        (default is 6 months or 180 days)
         -v (print version number and exit)
         -d [domain] (process only [domain])
         -e (process every domain)
         -D (actually delete users. no users are deleted without this option)
         -V (verbose -- print old users that will be deleted)
`;

const usualDays = 180;

interface Wanted {
  readonly before: number;
  readonly deletes: boolean;
  readonly isVerbose: boolean;
}

/** The tool. @returns its exit code */
export async function vdeloldusers(args: string[], io: ToolIo): Promise<number> {
  const { options } = getopt(args, 'a:vd:eDV', 'vdeloldusers', io, true);
  const value = (wanted: string): string | undefined => options.filter(({ letter }) => letter === wanted).at(-1)?.value;
  const has = (wanted: string): boolean => options.some(({ letter }) => letter === wanted);
  if (has('v')) {
    io.stdout(versionLine);
    return 255;
  }
  if (args.length === 0) {
    io.stdout(usage);
    return 255;
  }
  const domain = value('d') ?? '';
  // The later of the two counts.
  const isEvery = options.filter(({ letter }) => letter === 'e' || letter === 'd').at(-1)?.letter === 'e';
  if (domain === '' && !isEvery) {
    io.stdout('error: you must supply either the -e or -d [domain] options\n');
    return 255;
  }
  const days = value('a') === undefined ? usualDays : Number.parseInt(value('a') ?? '', 10) || 0;
  const wanted = { before: Date.now() / 1000 - days * 86_400, deletes: has('D'), isVerbose: has('V') };
  return runAccountTool('vdeloldusers', io, async (host) => {
    const names = isEvery ? (listedDomains(host.layout) ?? []).map(({ name }) => name) : [lower(domain)];
    let found = 0;
    for (const name of names) found += await processDomain(host, name, wanted, io);
    if (found === 0) io.stdout('no old users found\n');
    else if (!wanted.deletes) io.stdout(' ** no users were deleted  **\n ** use -D to delete users **\n');
    return 0;
  });
}

/** @returns how many old accounts there are */
async function processDomain(host: Host, domainName: string, wanted: Wanted, io: ToolIo): Promise<number> {
  const domain = domainName === '' ? undefined : host.domain(domainName);
  if (domain === undefined) return 0;
  let found = 0;
  for (const record of accountsOf(domain)) {
    const { name, dir } = record;
    giveLimitsWith(domain, record);
    const shown = `${name}@${domain.name}`;
    if (name === 'postmaster') {
      if (wanted.isVerbose) io.stdout(`skipping ${shown}\n`);
      continue;
    }
    if (!isOld(dir === '' ? '' : host.layout.disk(dir), wanted.before)) continue;
    found++;
    if (wanted.isVerbose) io.stdout(`${shown}\n`);
    if (wanted.deletes) await deleteUser(host, { name, domain: domain.name });
  }
  return found;
}

function isOld(directory: string, before: number): boolean {
  if (directory === '') return false;
  try {
    const status = fs.statSync(bytesPath(accountFiles.lastauth(directory)), { throwIfNoEntry: false });
    return status !== undefined && status.mtimeMs / 1000 < before;
  } catch {
    return false;
  }
}
