// vadddomain [-q quota] [-b] [-e address] [-u user] [-d dir] [-i uid] [-g gid] [-O] [-r[len]] DOMAIN [PASSWORD]: adds a domain with its postmaster, as the original.
// Exit 0, also for the usage text; else vpopmail's code.
//
// Unlike with the original nothing is left when the domain or its postmaster is refused.

import { type AddDomainRequest, type AddedDomain, addDomain, PostmasterError } from '../../admin/domains/add-domain.js';
import { isKnown } from '../../admin/domains/known-domain.js';
import { settleAll } from '../../admin/domains/unfinished.js';
import { VpopmailError } from '../../admin/vpopmail-error.js';
import { vpopmailOwner } from '../../admin/vpopmail-owner.js';
import { randomPassword } from '../../auth/new-password.js';
import { lower } from '../../mail/address.js';
import type { Host } from '../../stores/host.js';
import { getopt } from '../getopt.js';
import type { ToolIo } from '../tool-io.js';
import { askNewPassword, runAccountTool, versionLine } from '../users/account-tool.js';

const usage = `vadddomain: usage: vadddomain [options] virtual_domain [postmaster password]
options: -v prints the version
         -q quota_in_bytes (sets the quota for postmaster account)
         -b (bounces all mail that doesn't match a user, default)
         -e email_address (forwards all non matching user to this address [*])
         -u user (sets the uid/gid based on a user in /etc/passwd)
         -d dir (sets the dir to use for this domain)
         -i uid (sets the uid to use for this domain)
         -g gid (sets the gid to use for this domain)
         -O optimize adding, for bulk adds set this for all
            except the last one
         -r[len] (generate a len (default 8) char random postmaster password)

 [*] omit @-sign to deliver directly into user's Maildir: '-e postmaster'

Special bounce messages supported by vdeliver mail:
   vadddomain -b delete example.com [password]  -  delete all mail to non-existant accounts
   vadddomain -b bounce-no-mailbox example.com [password] - bounce them 
   vadddimain -b someone@somewhere.com example.com [password] - sent to another address
   vadddomain -b /path/to/Maildir example.com [password] - sent to a Maildir
`;

const randomLength = 8;

interface Options {
  readonly quota?: string;
  readonly catchAll?: string;
  readonly user?: string;
  readonly base?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly optimize?: boolean;
  /** A random password that was made already. */
  readonly random?: string;
}

/** The tool. @returns its exit code */
export async function vadddomain(args: string[], io: ToolIo): Promise<number> {
  return runAccountTool('vadddomain', io, (host) => add(args, host, io));
}

async function add(args: readonly string[], host: Host, io: ToolIo): Promise<number> {
  const { options: given, operands } = getopt(args, 'q:be:u:vi:g:d:Or::', 'vadddomain', io, true);
  const options: Options = Object.assign({}, ...given.map(({ letter, value }) => optionOf(letter, value, io)));
  const place = placeOf(options, host);
  if (place === undefined) {
    io.stdout(`Error: user ${options.user} not found in /etc/passwd\n`);
    return 255;
  }
  const [domain, password] = operands;
  if (domain === undefined) {
    io.stdout(usage);
    return 0;
  }
  const report = (line: string): void => io.stderr(`${line}\n`);
  await settleAll(host, report);
  if (isKnown(host, lower(domain))) throw new VpopmailError('domainAlreadyExists');
  const secret = password ?? options.random ?? (await askNewPassword('postmaster', io));
  const { quota, catchAll, optimize = false } = options;
  const request: AddDomainRequest = { domain, ...place, password: secret, quota, catchAll, optimize };
  return told(() => addDomain(host, request, report), options.random === undefined ? undefined : secret, io);
}

function optionOf(letter: string, value: string | undefined, io: ToolIo): Options {
  if (letter === 'v') io.stdout(versionLine);
  if (letter === 'O') return { optimize: true };
  if (letter === 'r') return { random: randomPassword(value === undefined ? randomLength : leadingNumber(value)) };
  if (value === undefined) return {};
  if (letter === 'q') return value === '' ? {} : { quota: value };
  if (letter === 'e') return { catchAll: value };
  if (letter === 'u') return { user: value };
  if (letter === 'd') return { base: value };
  if (letter === 'i') return { uid: leadingNumber(value) };
  if (letter === 'g') return { gid: leadingNumber(value) };
  return {};
}

/** Whose the domain is and where; undefined when there is no such user. A user counts for more than numbers, a directory for more than a user's home. */
function placeOf(options: Options, host: Host): Pick<AddDomainRequest, 'owner' | 'base'> | undefined {
  const own = vpopmailOwner(host);
  const home = host.layout.host(host.layout.vpopmail);
  if (!options.user) {
    const owner = { uid: options.uid ?? own.uid, gid: options.gid ?? own.gid };
    return { owner, base: options.base || home };
  }
  const user = host.accounts.user(options.user);
  return user && { owner: { uid: user.uid, gid: user.gid }, base: options.base || user.home };
}

/** @param random the password to tell, when it is a random one */
async function told(act: () => Promise<AddedDomain>, random: string | undefined, io: ToolIo): Promise<number> {
  let added: AddedDomain;
  try {
    added = await act();
  } catch (error) {
    if (!(error instanceof PostmasterError)) throw error;
    return postmasterRefused(error.refusal, io);
  }
  if (added.hadPostmaster) return postmasterRefused(new VpopmailError('usernameExists'), io);
  if (random !== undefined) io.stdout(`Random password: ${random}\n`);
  return 0;
}

function postmasterRefused(refusal: VpopmailError, io: ToolIo): number {
  io.stdout(`Error: (vadduser) ${refusal.message}\n`);
  if (refusal.detail !== undefined) io.stderr(`${refusal.detail}\n`);
  return refusal.exitStatus;
}

/** C's atoi. */
function leadingNumber(text: string): number {
  return Number(/^[ \t]*\+?([0-9]+)/.exec(text)?.[1] ?? 0);
}
