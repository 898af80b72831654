// vadduser [-q quota] [-c gecos] [-e hash] [-n] [-r[len]] [-s] ADDRESS [PASSWORD]: adds an account, as the original. Exit 0; else vpopmail's code.
//
// Ours beside it: `--scheme NAME` hashes by another scheme than the domain's own; `--batch FILE|-` adds many (cli/users/vadduser-batch.ts).
// Not copied: the original leaves an account behind when its quota or hash is refused.

import { checkHash, storedQuota } from '../../admin/users/account-rules.js';
import { addUser, type NewSecret } from '../../admin/users/add-user.js';
import { giveLimitsWith, mayAdminister } from '../../admin/users/domain-access.js';
import { VpopmailError } from '../../admin/vpopmail-error.js';
import { randomPassword } from '../../auth/new-password.js';
import { CorruptFileError, TemporaryError } from '../../errors.js';
import { AccountsBusyError } from '../../stores/accounts/user-database.js';
import type { Domain } from '../../stores/domains/domain.js';
import type { Host } from '../../stores/host.js';
import { getopt } from '../getopt.js';
import type { ToolIo } from '../tool-io.js';
import {
  type AccountName,
  askNewPassword,
  parseAddress,
  runAccountTool,
  takeLongOptions,
  versionLine,
} from './account-tool.js';

const usage = `vadduser: usage: [options] email_address [passwd]
options: -v (print the version)
         -q quota_in_bytes (sets the users quota, use NOQUOTA for unlimited)
         -c comment (sets the gecos comment field)
         -e standard_encrypted_password
         -n no_password
         -r[len] (generate a len (default 8) char random password)
`;

const randomLength = 8;

interface Wanted {
  readonly address: string;
  readonly password: string;
  readonly quota: string;
  readonly gecos: string;
  readonly hash: string;
  readonly withoutPassword: boolean;
  /** Undefined: the password is no random one. */
  readonly randomLength: number | undefined;
  readonly scheme: string | undefined;
}

/** The tool. @returns its exit code */
export async function vadduser(args: string[], io: ToolIo): Promise<number> {
  const { given, rest } = takeLongOptions(args, { scheme: true, batch: true });
  const batch = given.get('batch');
  if (batch !== undefined) {
    const { vadduserBatch } = await import('./vadduser-batch.js');
    return vadduserBatch(batch, rest, given.get('scheme'), io);
  }
  const wanted = readArguments(rest, given.get('scheme'), io);
  if (wanted.address === '') return showUsage(io);
  return runAccountTool('vadduser', io, (host) => add(host, wanted, io));
}

function readArguments(args: readonly string[], scheme: string | undefined, io: ToolIo): Wanted {
  const { options, operands } = getopt(args, 'svc:nq:e:r::', 'vadduser', io, true);
  const [address = '', password = ''] = operands;
  let wanted = { address, password, quota: '', gecos: '', hash: '', withoutPassword: false };
  let random: number | undefined;
  for (const { letter, value: given } of options) {
    const value = given ?? '';
    if (letter === 'v') io.stdout(versionLine);
    else if (letter === 's') io.stderr('Warning: The -s option has been temporarily disabled.\n');
    else if (letter === 'c') wanted = { ...wanted, gecos: value };
    else if (letter === 'n') wanted = { ...wanted, withoutPassword: true };
    else if (letter === 'q') wanted = { ...wanted, quota: value };
    else if (letter === 'e') wanted = { ...wanted, hash: value };
    else if (letter === 'r') random = given === undefined ? randomLength : lengthIn(given);
  }
  return { ...wanted, randomLength: random, scheme };
}

/** Of `-rLENGTH`; undefined where it is none: then the password is asked for. */
function lengthIn(text: string): number | undefined {
  const length = Number.parseInt(text, 10);
  return length > 0 ? length : undefined;
}

async function add(host: Host, wanted: Wanted, io: ToolIo): Promise<number> {
  const account = parseAddress(wanted.address, host, io);
  const refusal = refusalOf(host, account);
  if (refusal !== undefined) {
    io.stdout(refusal);
    return 255;
  }
  const secret = await secretOf(wanted, io);
  if (secret === undefined) {
    io.stdout('Error: No password entered\n');
    return showUsage(io);
  }
  const late = lateRefusal(wanted);
  if (late !== undefined) {
    io.stdout(late);
    return 255;
  }
  return addAnd(host, account, wanted, secret, io);
}

async function addAnd(
  host: Host,
  account: AccountName,
  wanted: Wanted,
  secret: NewSecret,
  io: ToolIo,
): Promise<number> {
  const quota = wanted.quota === '' ? undefined : wanted.quota;
  try {
    await addUser(host, { ...account, secret, gecos: wanted.gecos, quota });
  } catch (error) {
    if (error instanceof VpopmailError && error.kind === 'usernameExists') {
      io.stdout(alreadyExists);
      return 255;
    }
    if (!(error instanceof AccountsBusyError)) throw error;
    io.stderr('File busy try again later!\nFailed while attempting to add user to auth backend\n');
    throw new VpopmailError('noAuthConnection', undefined, error);
  }
  if (wanted.randomLength !== undefined && 'password' in secret) io.stdout(`Random password: ${secret.password}\n`);
  return 0;
}

const alreadyExists = 'Error: User already exists\n';

/** What the original says before it asks for a password; undefined when it would go on. @throws TemporaryError */
function refusalOf(host: Host, { name, domain: domainName }: AccountName): string | undefined {
  if (domainName === '')
    return 'You did not use a full email address for the user name\nOnly full email addresses should be used\n';
  const domain = host.domain(domainName);
  if (domain === undefined) return 'Error: Domain does not exist\n';
  return mayAdminister(domain) && isKnown(domain, name) ? alreadyExists : undefined;
}

/** A cdb that cannot answer is made anew by what follows, which looks again. */
function isKnown(domain: Domain, name: string): boolean {
  try {
    const account = domain.account(name);
    if (account !== undefined) giveLimitsWith(domain, { gid: String(account.gid) });
    return account !== undefined;
  } catch (error) {
    if (error instanceof CorruptFileError || error instanceof TemporaryError) return false;
    throw error;
  }
}

async function secretOf(wanted: Wanted, io: ToolIo): Promise<NewSecret | undefined> {
  const { hash, password, scheme } = wanted;
  if (hash !== '') return { hash };
  if (wanted.withoutPassword) return { password: '' };
  // A password that is given is told as a random one, as by the original.
  if (wanted.randomLength !== undefined && password === '')
    return { password: randomPassword(wanted.randomLength), scheme };
  const typed = password === '' ? await askNewPassword(wanted.address, io) : password;
  return typed === '' ? undefined : { password: typed, scheme };
}

/** What the original refuses when the account is there already, and leaves it there. Here it is not made. */
function lateRefusal({ hash, quota }: Wanted): string | undefined {
  try {
    if (quota !== '') storedQuota(quota);
  } catch {
    return 'Error in vsetuserquota()\n';
  }
  try {
    if (hash !== '') checkHash(hash);
  } catch {
    return 'Error in vauth_setpw()\n';
  }
  return undefined;
}

function showUsage(io: ToolIo): number {
  io.stdout(usage);
  return 255;
}
