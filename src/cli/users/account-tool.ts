// What the tools for accounts have in common: how they take an address apart, how they fail, which options of ours they know beside the originals' letters.
//
//   joe@example.jp, joe%example.jp, joe/example.jp     user and domain, lower case; the first @ separates, else the first %, else the first /
//   joe                                                the default domain (stores/default-domain.ts), if there is one
//
// What vpopmail refuses is `Error: TEXT` on standard output and its code as the exit status (formats/vpopmail.md 9.1, 9.2); trouble is a line on standard error and 111.

import { isDomainName, isUserName } from '../../admin/users/account-rules.js';
import { VpopmailError } from '../../admin/vpopmail-error.js';
import { silentLog } from '../../log.js';
import { lower } from '../../mail/address.js';
import { AccountsBusyError } from '../../stores/accounts/user-database.js';
import { type Host, openHost } from '../../stores/host.js';
import { runTool, type ToolIo } from '../tool-io.js';

/** What `-v` prints: the version whose manners these are. */
export const versionLine = 'version: 5.4.33\n';

/** A user and a domain, lower case; the domain is '' where none is given and there is no default. */
export interface AccountName {
  readonly name: string;
  readonly domain: string;
}

/** The longest address that the originals take; more is cut. */
const longestAddress = 155;

/**
 * Opens the host and runs the inside of a tool.
 * @returns its exit code
 */
export async function runAccountTool(
  name: string,
  io: ToolIo,
  inside: (host: Host) => Promise<number>,
): Promise<number> {
  return runTool(`${name}: `, io, async () => {
    const host = openHost(io.layout, silentLog, { repairIndexes: true });
    try {
      return await inside(host);
    } catch (error) {
      return failed(error, io);
    } finally {
      await host.repairs.settled();
    }
  });
}

/** Prints what vpopmail says of a refusal. @returns the exit code @throws anything that is none */
export function failed(error: unknown, io: ToolIo): number {
  if (error instanceof AccountsBusyError) {
    io.stderr('File busy try again later!\n');
    return failed(new VpopmailError('usernameExists', undefined, error), io);
  }
  if (!(error instanceof VpopmailError)) throw error;
  io.stdout(`Error: ${error.message}\n`);
  if (error.detail !== undefined) io.stderr(`${error.detail}\n`);
  return error.exitStatus;
}

/** Takes an address apart. @throws VpopmailError Illegal username, with what is wrong of it on standard error */
export function parseAddress(address: string, host: Host, io: ToolIo): AccountName {
  const text = lower(address.slice(0, longestAddress));
  const at = ['@', '%', '/'].map((mark) => text.indexOf(mark)).find((index) => index >= 0) ?? -1;
  const name = at < 0 ? text : text.slice(0, at);
  const given = at < 0 ? '' : text.slice(at + 1);
  if (!isUserName(name)) throw invalid('user', name, io);
  if (!isDomainName(given)) throw invalid('domain', given, io);
  const { TCPLOCALIP: localIp, VPOPMAIL_DOMAIN: environmentDomain } = io.env;
  const domain = given === '' ? lower(host.defaultDomain.forLogin({ localIp, environmentDomain })) : given;
  return { name, domain };
}

function invalid(what: string, text: string, io: ToolIo): VpopmailError {
  io.stderr(`${what} invalid ${text}\n`);
  return new VpopmailError('illegalUsername');
}

/** As the originals name an account that they do not find. */
export function shownName({ name, domain }: AccountName): string {
  return domain === '' ? name : `${name}@${domain}`;
}

/** The mode of a new file that a tool makes without a mask of its own: 0666 less the caller's mask. */
export function ordinaryMode(io: ToolIo): number {
  return 0o666 & ~io.umask;
}

/** Asks for a new password twice, until both are the same. */
export async function askNewPassword(address: string, io: ToolIo): Promise<string> {
  for (;;) {
    const first = await io.askSecret(`Please enter password for ${address}: `);
    const second = await io.askSecret('enter password again: ');
    if (first === second) return first;
    io.stdout('Passwords do not match, try again\n');
  }
}

/** Our own options in a tool's arguments: `--json`, `--scheme sha512`, `--scheme=sha512`. */
export interface LongOptions {
  /** Those that were given: '' for one that takes no value. */
  readonly given: ReadonlyMap<string, string>;
  /** What is left for getopt. */
  readonly rest: readonly string[];
}

/**
 * Takes our own options out, up to `--`.
 * @param known each name without its hyphens, and whether it takes a value
 */
export function takeLongOptions(args: readonly string[], known: Readonly<Record<string, boolean>>): LongOptions {
  const given = new Map<string, string>();
  const rest: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? '';
    const [, name, joined] = /^--([a-z-]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (word === '--') return { given, rest: [...rest, ...args.slice(at)] };
    const takesValue = name !== undefined && Object.hasOwn(known, name) ? known[name] : undefined;
    if (name === undefined || takesValue === undefined) rest.push(word);
    else given.set(name, takesValue ? (joined ?? args[++at] ?? '') : '');
  }
  return { given, rest };
}
