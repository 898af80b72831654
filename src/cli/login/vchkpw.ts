// vchkpw PROGRAM ARGUMENTS...: the checkpassword interface (formats/vpopmail.md 8). What a client sent is on descriptor 3; when it is right, PROGRAM takes this process's
// place with the account's environment, uid, gid and directory. qmail-popup, Dovecot's checkpassword and qmail-smtpd with an auth patch call it.
//
//   login NUL password NUL challenge NUL        at most 155 bytes in all; a password may be an APOP or CRAM-MD5 digest
//
//   exit    1 the account is closed to this service    3 unknown user, wrong password    4 setgid    5 setuid    6 no way into the account's directory
//           11 descriptor 3    12 no user name    13 no password    14 an account without a directory cannot be given one    15 no password is stored
//           20 characters that no user or domain has    111 trouble of ours, or PROGRAM cannot be run; else that of PROGRAM
//
// For SMTP neither uid, gid nor directory change, and the client is not let relay. Refusals go to the system's log in the words that fail2ban filters know.
// Differences: a look-up that fails is 111, where vchkpw says that there is no such user; so is a PROGRAM that cannot be run, where it says 0 or crashes; HOME is
// not cut at 99 bytes; supplementary groups of root are given up.

import { type LoginRefusal, type LoginResult, login, nameLogin, splitLogin } from '../../auth/login.js';
import { loginKind } from '../../auth/login-service.js';
import { PasswordChecker } from '../../auth/password.js';
import { ConfigurationError, CorruptFileError, describe, errnoOf, TemporaryError } from '../../errors.js';
import { openSystemLog } from '../../files/native/system-log.js';
import { type Log, lineLog } from '../../log.js';
import { lower } from '../../mail/address.js';
import { systemErrorText } from '../../mail/system-errors.js';
import { readLimits } from '../../stores/domains/limits-file.js';
import { type Host, openHost } from '../../stores/host.js';
import { makeAccountDirectory } from '../../stores/maildir/maildir.js';
import { RelayTable } from '../../stores/relay-table.js';
import type { ToolIo } from '../tool-io.js';
import { connectionOf, type LoginConnection } from './connection.js';
import { type LoginProcess, type Owner, thisProcess } from './login-process.js';

const mostBytes = 155;

const exitCodes: Readonly<Record<LoginRefusal, number>> = {
  'access denied': 1,
  'unknown user': 3,
  'wrong password': 3,
  'null user name': 12,
  'null password': 13,
  'no directory': 14,
  'no password': 15,
  'invalid characters': 20,
};

/** What is the same for every step of one login. */
interface Attempt {
  readonly io: ToolIo;
  readonly process: LoginProcess;
  readonly connection: LoginConnection;
  readonly host: Host;
  readonly login: string;
}

/** The tool. @returns its exit code, unless the program has taken the process's place */
export async function vchkpw(
  args: string[],
  io: ToolIo,
  process: LoginProcess = thisProcess(io.env),
  log: Log = systemLog(),
): Promise<number> {
  const connection = connectionOf(io.env, args[0]);
  const sent = await readSent(io);
  if (sent === undefined) {
    const words =
      'vchkpw is only for talking with qmail-popup and qmail-pop3d. It is not for runnning on the command line.';
    io.stderr(`${connection.logName}: ${words}\n`);
    return 11;
  }
  const host = openHost(io.layout, log, { repairIndexes: true });
  const attempt = { io, process, connection, host, login: sent.login };
  try {
    const result = await decide(attempt, sent);
    // A database that is being made must be finished before this process is another.
    await host.repairs.settled();
    return result.ok ? await enter(attempt, result, args) : refused(attempt, result.why);
  } catch (error) {
    if (!isTrouble(error)) throw error;
    return trouble(attempt, describe(error));
  }
}

function systemLog(): Log {
  const { notice } = openSystemLog('vpopmail');
  return lineLog((line) => notice(line.slice(0, -1)));
}

/** What came on descriptor 3; undefined when nothing can. */
async function readSent(io: ToolIo): Promise<{ login: string; response: string; timestamp: string } | undefined> {
  try {
    const bytes = await io.readDescriptor(3);
    const [name = '', response = '', timestamp = ''] = bytes.toString('latin1', 0, mostBytes).split('\0');
    return { login: name, response, timestamp };
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}

async function decide(
  { io, process, connection, host, login: name }: Attempt,
  { response, timestamp }: { response: string; timestamp: string },
): Promise<LoginResult> {
  const { service, logName, remoteIp, localIp } = connection;
  const environmentDomain = io.env.VPOPMAIL_DOMAIN;
  const domain = name === '' ? undefined : nameLogin(host, name, localIp, environmentDomain)?.domain;
  // Only root and the domain's own uid may look; others would meet files that they cannot read, or worse, can.
  const isForeign = io.layout.root === '/' && process.uid !== 0 && process.uid !== domain?.uid;
  if (domain !== undefined && isForeign)
    throw new TemporaryError('4.3.5', `running as invalid uid ${process.uid}: ${domain.name} is uid ${domain.uid}'s`);
  const mode = 0o666 & ~io.umask;
  const result = await login(host, new PasswordChecker(), {
    service,
    login: name,
    secret: { response, timestamp },
    remoteIp,
    localIp,
    logName,
    environmentDomain,
    makeDirectory: false,
    openRelay: (clientIp) => openRelay(io, host, clientIp, mode),
    giveDirectory: async (its, account) => {
      const { giveDirectory } = await import('../../admin/give-directory.js');
      return giveDirectory(io.layout, its, account, mode);
    },
  });
  // As root it leaves a limits file that root has written to the domain, whose own processes must read it.
  if (domain !== undefined && (result.ok || !beforeAccount.has(result.why))) readLimits(io.layout, domain);
  return result;
}

/** Refusals that come before an account is looked at. */
const beforeAccount: ReadonlySet<LoginRefusal> = new Set(['null user name', 'null password', 'unknown user']);

/** Trouble with it stops no login. */
async function openRelay(io: ToolIo, host: Host, clientIp: string, mode: number): Promise<void> {
  const table = new RelayTable(host.layout, host.accounts, host.log, { mode });
  try {
    await table.open([clientIp], Math.floor(Date.now() / 1000));
  } catch (error) {
    if (!isTrouble(error)) throw error;
    if (error instanceof ConfigurationError) io.stderr('Warning: update_rules() - tcprules failed\n');
    host.log.warning(`the relay was not opened for ${clientIp}: ${describe(error)}`);
  }
}

function refused({ io, login: name }: Attempt, why: LoginRefusal): number {
  if (why === 'invalid characters') {
    const { user, domain, invalid } = splitLogin(name);
    io.stderr(invalid === 'user' ? `user invalid ${user}\n` : `domain invalid ${domain}\n`);
  }
  return exitCodes[why];
}

async function enter(
  attempt: Attempt,
  { account, domain }: Extract<LoginResult, { ok: true }>,
  args: readonly string[],
): Promise<number> {
  const { process, connection, login: name } = attempt;
  const shown = `${account.name}@${domain.name}:${connection.remoteIp}`;
  if (loginKind(connection.service, connection.remoteIp) !== 'smtp') {
    const refusal = become(attempt, domain);
    if (refusal !== undefined) return tell(attempt, refusal === 'setgid' ? 4 : 5, `${refusal} failed ${shown}`);
    const { uid, gid } = domain;
    const problem = await enterDirectory(process, account.directory, domain.directory, { uid, gid });
    if (problem !== undefined) return tell(attempt, 6, `autocreate dir ${problem} ${account.hostDirectory} ${shown}`);
  }
  const [program] = args;
  if (program === undefined) return trouble(attempt, 'there is no program to run');
  const own = { USER: account.name, HOME: account.hostDirectory, SHELL: 'NOLOGIN', VPOPUSER: lower(name) };
  const end = await process.replace({ arguments: args, environment: { ...process.environment, ...own } });
  return 'exitStatus' in end
    ? end.exitStatus
    : trouble(attempt, `unable to run ${program}: ${systemErrorText(end.failed)}`);
}

/** In a tree of an ordinary user's everything stays that user's. */
function become({ io, process }: Attempt, { uid, gid }: Owner): 'setgid' | 'setuid' | undefined {
  return io.layout.root !== '/' && process.uid !== 0 ? undefined : process.become({ uid, gid });
}

/** Goes into the account's directory, which is made, as its owner may, when it is missing. @returns what is in the way */
async function enterDirectory(
  process: LoginProcess,
  directory: string,
  domainDirectory: string,
  owner: Owner,
): Promise<string | undefined> {
  const problem = process.enter(directory);
  if (problem !== 'ENOENT') return problem;
  try {
    await makeAccountDirectory(directory, domainDirectory, owner);
  } catch (error) {
    return errnoOf(error) ?? describe(error);
  }
  return process.enter(directory);
}

function isTrouble(error: unknown): boolean {
  return [TemporaryError, CorruptFileError, ConfigurationError].some((kind) => error instanceof kind);
}

function tell({ host, connection }: Attempt, exitCode: number, text: string): number {
  host.log.info(`${connection.logName}: ${text}`.replaceAll('%', '#'));
  return exitCode;
}

/** Trouble of ours is told where people look for it: in the system's log, and where the program's own messages go. */
function trouble(attempt: Attempt, text: string): number {
  attempt.io.stderr(`vchkpw: ${text}\n`);
  return tell(attempt, 111, text);
}
