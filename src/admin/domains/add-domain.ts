// Adds a domain with its postmaster (formats/vpopmail.md 3.4), so that a domain which is known to anybody has a directory and a postmaster.
//
//   step                                                                     a crash after it leaves, until the next tool
//   etc/.domain_change.NAME; domains counted; BASE/domains/[SUB/]NAME        a directory that nobody knows            removed
//   postmaster; its quota; .qmail-default                                    the same, or a whole domain unpublished  removed
//   `publish` noted in the record                                            a whole domain                           published
//   users/assign ... locals, SIGHUP (publication.ts)                         a part of qmail's files                  published
//   record removed
//
// The originals publish first and add the postmaster last; who looks between two of our steps sees less than theirs, never a domain without postmaster. A directory
// that was there before is taken over as it is, given to the domain's owner; it is never removed when something fails, and a postmaster that it brings with it
// stays, which is reported as an account that exists already, with the domain in place.

import fs from 'node:fs';
import path from 'node:path';
import { describe, errnoOf } from '../../errors.js';
import { mayChangeOwner } from '../../files/owner.js';
import { bytesPath } from '../../files/read.js';
import { replaceFile } from '../../files/replace.js';
import { syncDirectory } from '../../files/sync.js';
import { giveTree, removeTree } from '../../files/tree.js';
import { domainFiles } from '../../layout.js';
import { makeHashDirectory } from '../../stores/accounts/dir-control-file.js';
import type { AssignedDomain } from '../../stores/control-lines/assign-file.js';
import type { Domain } from '../../stores/domains/domain.js';
import type { Host } from '../../stores/host.js';
import { storedQuota } from '../users/account-rules.js';
import { addUser } from '../users/add-user.js';
import { VpopmailError } from '../vpopmail-error.js';
import type { DomainChange } from './domain-change.js';
import { checkAssignable, checkDirectoryLength, newDomainName } from './domain-names.js';
import { DomainCount, domainsDirectory, isDirectory, type Owner } from './domain-place.js';
import { isKnown } from './known-domain.js';
import { HalfDone, publishDomain, type Report } from './publication.js';
import { whileChanging } from './unfinished.js';

export interface AddDomainRequest {
  readonly domain: string;
  /** Host path of the directory above `domains`. */
  readonly base: string;
  readonly owner: Owner;
  /** The postmaster's clear password; '' is none. */
  readonly password: string;
  /** The postmaster's quota as vsetuserquota takes it; the host's default unless given. */
  readonly quota?: string | undefined;
  /** Where mail for unknown accounts goes: an address, or the name of an account of the domain; bounced unless given. */
  readonly catchAll?: string | undefined;
  /** See PublishOptions. */
  readonly optimize?: boolean;
}

/** The postmaster could not be added, and `cause` says why. */
export class PostmasterError extends Error {
  readonly refusal: VpopmailError;
  constructor(refusal: VpopmailError) {
    super(refusal.message, { cause: refusal });
    this.refusal = refusal;
  }
}

/** What there is to say of a domain that was added. */
export interface AddedDomain {
  /** The directory had a postmaster already, which stayed as it was. */
  readonly hadPostmaster: boolean;
}

/**
 * Adds a domain.
 * @throws VpopmailError when the domain is refused or cannot be made, PostmasterError, TemporaryError; the host is as before then
 */
export async function addDomain(host: Host, request: AddDomainRequest, report: Report): Promise<AddedDomain> {
  const name = newDomainName(request.domain);
  if (request.catchAll !== undefined && /[\x00-\x1f\x7f]/.test(request.catchAll))
    throw new VpopmailError('badCharacter');
  if (request.quota !== undefined) storedQuota(request.quota);
  if (isKnown(host, name)) throw new VpopmailError('domainAlreadyExists');
  return whileChanging(host, name, report, async (change) => {
    if (isKnown(host, name)) throw new VpopmailError('domainAlreadyExists');
    return new NewDomain(host, name, request, change, report).add();
  });
}

/** One domain that is being made. */
class NewDomain {
  readonly #host: Host;
  readonly #name: string;
  readonly #request: AddDomainRequest;
  readonly #change: DomainChange;
  readonly #report: Report;

  constructor(host: Host, name: string, request: AddDomainRequest, change: DomainChange, report: Report) {
    this.#host = host;
    this.#name = name;
    this.#request = request;
    this.#change = change;
    this.#report = report;
  }

  async add(): Promise<AddedDomain> {
    const { owner, base } = this.#request;
    const { layout } = this.#host;
    const parent = domainsDirectory(layout, base, owner);
    const count = new DomainCount(this.#host, owner);
    this.#check(this.#assigned(count.peek()));
    const hash = await count.enter();
    const assigned = this.#assigned(hash);
    try {
      this.#check(assigned);
      await this.#change.start({ kind: 'add', realDomain: this.#name, ...owner, directory: assigned.directory });
      return await this.#make(assigned, parent, hash);
    } catch (error) {
      if (!(error instanceof HalfDone)) await count.leave();
      throw error;
    }
  }

  async #make(assigned: AssignedDomain, parent: string, hash: string): Promise<AddedDomain> {
    const { optimize = false } = this.#request;
    const directory = path.join(parent, hash, this.#name);
    const wasThere = isDirectory(directory);
    try {
      if (!wasThere) await this.#makeDirectory(directory, parent, hash);
      const added = await this.#furnish(assigned, wasThere);
      this.#change.note('publish');
      await publishDomain(this.#host.layout, assigned, this.#report, { optimize });
      return added;
    } catch (error) {
      if (error instanceof VpopmailError && error.kind === 'couldNotUpdateFile')
        this.#report('Error. Failed to add domain to assign file');
      if (!wasThere && !(error instanceof HalfDone)) await this.#removeDirectory(assigned);
      throw error;
    }
  }

  #assigned(hash: string): AssignedDomain {
    const { base, owner } = this.#request;
    const name = this.#name;
    return { name, realDomain: name, ...owner, directory: `${base}/domains/${hash === '' ? '' : `${hash}/`}${name}` };
  }

  #check(assigned: AssignedDomain): void {
    const { base } = this.#request;
    checkDirectoryLength(base, 'domains', assigned.directory.slice(`${base}/domains/`.length));
    checkAssignable(assigned);
  }

  async #makeDirectory(directory: string, parent: string, hash: string): Promise<void> {
    const { uid, gid } = this.#request.owner;
    try {
      if (hash !== '') await makeHashDirectory({ directory: parent, uid, gid }, hash);
      this.#change.note('made');
      fs.mkdirSync(bytesPath(directory), { mode: 0o700 });
      if (mayChangeOwner()) fs.lchownSync(bytesPath(directory), uid, gid);
      await syncDirectory(path.dirname(directory));
    } catch (error) {
      throw new VpopmailError('couldNotMakeDomainDirectory', describe(error), error);
    }
  }

  /** Makes all that is in the directory. */
  async #furnish(assigned: AssignedDomain, wasThere: boolean): Promise<AddedDomain> {
    const { uid, gid, directory: hostDirectory } = assigned;
    const directory = this.#host.layout.disk(hostDirectory);
    const domain = this.#host.domains({ name: this.#name, uid, gid, hostDirectory, directory });
    const prepared = withDomain(this.#host, domain);
    if (wasThere) await giveTree(fs.realpathSync(directory), uid, gid);
    const hadPostmaster = !(await this.#addPostmaster(prepared, domain));
    await this.#writeDotQmail(directory, hostDirectory);
    return { hadPostmaster };
  }

  /** @returns whether there was none yet @throws PostmasterError */
  async #addPostmaster(prepared: Host, domain: Domain): Promise<boolean> {
    try {
      const { password, quota } = this.#request;
      const secret = { password };
      await addUser(prepared, { name: 'postmaster', domain: this.#name, secret, gecos: 'Postmaster', quota });
      return true;
    } catch (error) {
      if (!(error instanceof VpopmailError)) throw error;
      if (error.kind === 'usernameExists' && domain.account('postmaster') !== undefined) return false;
      throw new PostmasterError(error);
    }
  }

  async #writeDotQmail(directory: string, hostDirectory: string): Promise<void> {
    const { layout } = this.#host;
    const { catchAll = '', owner } = this.#request;
    const argument =
      catchAll === '' ? 'bounce-no-mailbox' : catchAll.includes('@') ? catchAll : `${hostDirectory}/${catchAll}`;
    // Unquoted: the shell is to expand `$EXT@other.example`.
    const line = `| ${layout.host(layout.vpopmail)}/bin/vdelivermail '' ${argument}\n`;
    const temporaryName = `qmail-default.${process.pid}`;
    const options = { mode: 0o600, ...owner, temporaryName };
    await replaceFile(domainFiles.dotQmail(directory, '-default'), Buffer.from(line, 'latin1'), options);
  }

  async #removeDirectory(assigned: AssignedDomain): Promise<void> {
    await removeTree(this.#host.layout.disk(assigned.directory)).catch((error: unknown) => {
      if (errnoOf(error) !== 'ENOENT') this.#report(`Failed to delete directory tree: ${assigned.directory}`);
    });
  }
}

/** The host as it will be when the domain is published. */
function withDomain(host: Host, domain: Domain): Host {
  return { ...host, domain: (name) => (name === domain.name ? domain : host.domain(name)) };
}
