// vdominfo [-anugdtr] [DOMAIN]: shows one domain with its alias domains, or all, as the original. Exit 0; 245 for an unknown domain; 255 or 219 without users/assign.
//
// `users` is the count in .dir-control, a hint. The original writes .dir-control anew for each domain that it counts; here this is done where it changes anything, under
// the domain's lock, and trouble with it is nobody's.
// Ours beside it: `--json` prints a list of objects, `domain`, `realDomain`, `uid`, `gid`, `directory`, `users`, and writes nothing.

import { countDirectory } from '../../admin/domains/domain-place.js';
import { listDomain, listDomains } from '../../admin/domains/listing.js';
import { VpopmailError } from '../../admin/vpopmail-error.js';
import { TemporaryError } from '../../errors.js';
import { type DirControlPlace, readDirControl } from '../../stores/accounts/dir-control-file.js';
import { refreshDirControl } from '../../stores/accounts/dir-control-refresh.js';
import type { AssignedDomain } from '../../stores/control-lines/assign-file.js';
import type { Host } from '../../stores/host.js';
import { getopt } from '../getopt.js';
import type { ToolIo } from '../tool-io.js';
import { ordinaryMode, runAccountTool, takeLongOptions, versionLine } from '../users/account-tool.js';

const usage = `vdominfo: usage: [options] [domain]
options: -v (print version number)
         -a (display all fields, this is the default)
         -n (display domain name)
         -u (display uid field)
         -g (display gid field)
         -d (display domain directory)
         -t (display total users)
         -r (display real domain)
`;

/** The tool. @returns its exit code */
export async function vdominfo(args: string[], io: ToolIo): Promise<number> {
  const { given, rest } = takeLongOptions(args, { json: false });
  const { options, operands } = getopt(rest, 'vanugdtr', 'vdominfo', io, true);
  for (const { letter } of options) if (letter === 'v') io.stdout(versionLine);
  const letters = options.map(({ letter }) => letter).filter((letter) => letter !== 'v');
  if (letters.includes('?')) {
    io.stdout(usage);
    return 255;
  }
  const [domain = ''] = operands;
  return runAccountTool('vdominfo', io, async (host) => {
    if (given.has('json')) return showAsJson(host, domain, io);
    const display = new Display(host, letters, io);
    return domain === '' ? display.all() : display.one(domain);
  });
}

function showAsJson(host: Host, domain: string, io: ToolIo): number {
  const entries = domain === '' ? listDomains(host.layout) : listDomain(host, domain);
  if (domain !== '' && entries.length === 0) throw new VpopmailError('domainDoesNotExist');
  const shown = entries.map((entry) => ({
    domain: entry.name,
    realDomain: entry.realDomain,
    uid: entry.uid,
    gid: entry.gid,
    directory: entry.directory,
    users: Number(BigInt.asIntN(64, countOf(placeOf(host, entry)))),
  }));
  io.stdout(`${JSON.stringify(shown, null, 2)}\n`);
  return 0;
}

/** One run's way of showing domains. */
class Display {
  readonly #host: Host;
  readonly #io: ToolIo;
  readonly #letters: ReadonlySet<string>;
  readonly #isWhole: boolean;

  /** @param letters in the order given: a later `-a` shows everything, a later field that field and the others */
  constructor(host: Host, letters: readonly string[], io: ToolIo) {
    this.#host = host;
    this.#io = io;
    this.#letters = new Set(letters);
    this.#isWhole = letters.length === 0 || letters.at(-1) === 'a';
  }

  async all(): Promise<number> {
    const entries = this.#listed(() => listDomains(this.#host.layout));
    if (typeof entries === 'string') {
      this.#io.stdout(entries);
      return 255;
    }
    if (entries.length === 0) this.#io.stdout('What now - Success\n');
    for (const entry of entries) {
      await this.#show(entry);
      this.#io.stdout('\n');
      await this.#io.flushed();
    }
    return 0;
  }

  async one(domain: string): Promise<number> {
    const entries = this.#listed(() => listDomain(this.#host, domain));
    if (typeof entries === 'string') {
      this.#io.stdout(entries);
      return new VpopmailError('cannotReadAssign').exitStatus;
    }
    if (entries.length === 0) {
      this.#io.stdout('Invalid domain name\n');
      return new VpopmailError('domainDoesNotExist').exitStatus;
    }
    for (const entry of entries) if (entry.name === entry.realDomain) await this.#show(entry);
    for (const entry of entries) if (entry.name !== entry.realDomain) this.#io.stdout(`alias: ${entry.name}\n`);
    return 0;
  }

  /** The domains, or what is said when they cannot be read. */
  #listed(list: () => AssignedDomain[]): AssignedDomain[] | string {
    try {
      return list();
    } catch (error) {
      if (error instanceof VpopmailError) return `Can't get domain entries - ${error.message}\n`;
      throw error;
    }
  }

  async #show(entry: AssignedDomain): Promise<void> {
    const { name, realDomain, uid, gid, directory } = entry;
    const shownName = name === realDomain ? name : `${name} (alias of ${realDomain})`;
    const fields: readonly (readonly [string, string, () => string | Promise<string>])[] = [
      ['n', 'domain: ', () => shownName],
      ['u', 'uid:    ', () => String(uid)],
      ['g', 'gid:    ', () => String(gid)],
      ['d', 'dir:    ', () => directory],
      ['t', 'users:  ', () => this.#count(entry)],
    ];
    for (const [letter, label, value] of fields) {
      if (this.#isWhole) this.#io.stdout(`${label}${await value()}\n`);
      else if (this.#letters.has(letter)) this.#io.stdout(`${await value()}\n`);
    }
    if (!this.#isWhole && this.#letters.has('r')) this.#io.stdout(`${realDomain}\n`);
  }

  async #count(entry: AssignedDomain): Promise<string> {
    const place = placeOf(this.#host, entry);
    const count = String(countOf(place));
    if (place !== undefined) await refreshDirControl({ ...place, mode: ordinaryMode(this.#io) }).catch(() => {});
    return count;
  }
}

/** Where a domain's users are counted. For one that users/cdb does not know, the originals read, and write, the count of the owner's domains. */
function placeOf(host: Host, { realDomain, uid, gid }: AssignedDomain): DirControlPlace | undefined {
  const known = knownDirectory(host, realDomain);
  const directory = known ?? countDirectory(host, uid);
  return directory === undefined ? undefined : { directory, uid, gid };
}

function knownDirectory(host: Host, domain: string): string | undefined {
  try {
    return host.users.domain(domain)?.directory;
  } catch (error) {
    if (error instanceof TemporaryError) return undefined;
    throw error;
  }
}

/** May have wrapped below zero. */
function countOf(place: DirControlPlace | undefined): bigint {
  try {
    return place === undefined ? 0n : readDirControl(place).curUsers;
  } catch (error) {
    if (error instanceof TemporaryError) return 0n;
    throw error;
  }
}
