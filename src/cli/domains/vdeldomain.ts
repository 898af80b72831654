// vdeldomain [-f] DOMAIN: deletes a domain with all its mail, or an alias domain, as the original. Exit 0, also for the usage text and where alias domains stand in the
// way; else vpopmail's code.
//
// Not copied: a name in capitals skips the question about alias domains with the original.

import { deleteDomain } from '../../admin/domains/delete-domain.js';
import { listDomain } from '../../admin/domains/listing.js';
import { settleAll } from '../../admin/domains/unfinished.js';
import { VpopmailError } from '../../admin/vpopmail-error.js';
import { lower } from '../../mail/address.js';
import type { Host } from '../../stores/host.js';
import { getopt } from '../getopt.js';
import type { ToolIo } from '../tool-io.js';
import { ordinaryMode, runAccountTool, versionLine } from '../users/account-tool.js';

const usage = `vdeldomain: usage: [options] domain_name
options: -v (print version number)
options: -f (force delete of virtual domains)
`;

/** The tool. @returns its exit code */
export async function vdeldomain(args: string[], io: ToolIo): Promise<number> {
  const { options, operands } = getopt(args, 'vf', 'vdeldomain', io, true);
  for (const { letter } of options) if (letter === 'v') io.stdout(versionLine);
  const isForced = options.some(({ letter }) => letter === 'f');
  const [domain] = operands;
  if (domain === undefined) {
    io.stdout(usage);
    return 0;
  }
  return runAccountTool('vdeldomain', io, (host) => remove(lower(domain), isForced, host, io));
}

async function remove(domain: string, isForced: boolean, host: Host, io: ToolIo): Promise<number> {
  const report = (line: string): void => io.stderr(`${line}\n`);
  await settleAll(host, report);
  const entries = entriesOf(host, domain);
  const aliases = entries.filter((entry) => entry.name !== entry.realDomain).map((entry) => entry.name);
  const isReal = entries.some((entry) => entry.name === domain && entry.realDomain === domain);
  if (isReal && aliases.length > 0) {
    io.stdout(`Warning: Alias domains ${isForced ? 'deleted' : 'exist'}:\n`);
    for (const alias of aliases) io.stdout(`   ${alias}\n`);
    if (!isForced) {
      io.stdout('   use -f to force delete of domain and all aliases\n');
      return 0;
    }
  }
  await deleteDomain(host, domain, report, { mode: ordinaryMode(io) });
  return 0;
}

function entriesOf(host: Host, domain: string): ReturnType<typeof listDomain> {
  try {
    const entries = domain === '' ? [] : listDomain(host, domain);
    if (entries.length > 0) return entries;
  } catch (error) {
    if (!(error instanceof VpopmailError)) throw error;
    throw new CannotList(error);
  }
  throw new VpopmailError('domainDoesNotExist');
}

/** What vdeldomain says when users/assign cannot be read. */
class CannotList extends VpopmailError {
  constructor(cause: VpopmailError) {
    super(cause.kind, cause.detail, cause);
    this.message = `Can't get domain entries - ${cause.message}`;
  }
}
