// vmoddomlimits [OPTIONS] DOMAIN | -d [OPTIONS]: shows (-S), changes or deletes (-D) the limits of a domain, or changes those of all domains without their own (-d), as
// the original. Exit 0, also for a domain that is unknown; 255 with a line that says what failed.
//
// Kept from the original: the first change of a domain copies the defaults; the letters of -u and -o land where nothing reads them (formats/vpopmail/domain-limits.ts).
// Not kept: 1G is 1 GiB, where the original stores 1 byte; a negative size is refused.
// Ours beside it: `-S --json` prints an object with the names and numbers of the file.

import type { DomainLimits } from '../../formats/vpopmail/domain-limits.js';
import { normaliseQuota } from '../../formats/vpopmail/quota.js';
import { silentLog } from '../../log.js';
import type { Domain } from '../../stores/domains/domain.js';
import {
  readDefaultLimitsToEdit,
  readLimits,
  removeLimits,
  writeDefaultLimits,
  writeLimits,
} from '../../stores/domains/limits-file.js';
import { openHost } from '../../stores/host.js';
import { type GivenOption, getopt } from '../getopt.js';
import { runTool, ToolFailure, type ToolIo } from '../tool-io.js';
import { ordinaryMode, takeLongOptions, versionLine } from '../users/account-tool.js';
import { limitsUsage, shownLimits } from './limits-text.js';

type Change = (limits: DomainLimits) => DomainLimits;

const flagLetters = {
  u: 'disable_dialup',
  d: 'disable_password_changing',
  p: 'disable_pop',
  s: 'disable_smtp',
  w: 'disable_webmail',
  i: 'disable_imap',
  r: 'disable_external_relay',
  c: 'disable_spamassassin',
  x: 'delete_spam',
  m: 'disable_maildrop',
} as const;

const counts = {
  P: 'maxpopaccounts',
  A: 'maxaliases',
  F: 'maxforwards',
  R: 'maxautoresponders',
  L: 'maxmailinglists',
} as const;

const sizes = { Q: 'quota', M: 'maxmsgcount', m: 'default_maxmsgcount' } as const;

/** Which key the letters of an option go to, and how far up in it. */
const permissions = {
  p: ['perm_account', 0],
  a: ['perm_alias', 0],
  f: ['perm_forward', 0],
  r: ['perm_autoresponder', 0],
  l: ['perm_maillist', 0],
  u: ['perm_quota', 3],
  o: ['perm_quota', 6],
  x: ['perm_quota', 0],
  z: ['perm_defaultquota', 0],
} as const;

const permissionBits: Readonly<Record<string, number>> = { a: 7, c: 1, m: 2, d: 4 };

/** The tool. @returns its exit code */
export async function vmoddomlimits(args: string[], io: ToolIo): Promise<number> {
  const { given, rest } = takeLongOptions(args, { json: false });
  const letterList = 'vSDdQ:q:M:m:P:A:F:R:L:g:p:a:f:r:l:u:o:x:z:h';
  const { options, operands } = getopt(rest, letterList, 'vmoddomlimits', io, false, 'h');
  for (const { letter } of options) {
    if (letter === 'v') io.stdout(versionLine);
    if (letter !== 'h') continue;
    io.stdout(limitsUsage);
    return 0;
  }
  const letters = new Set(options.map(({ letter }) => letter));
  const isDefault = letters.has('d');
  const [name = ''] = operands;
  if (!isDefault && name === '') {
    io.stdout(limitsUsage);
    return 255;
  }
  return runTool('vmoddomlimits: ', io, async () => {
    const subject = isDefault ? new DefaultLimits(io) : domainSubject(name, io);
    return subject === undefined ? 0 : run(subject, letters, options, given.has('json'), io);
  });
}

/** What the limits are of. */
interface Subject {
  /** The first line of -S. */
  readonly title: string;
  readonly readFailure: string;
  readonly writeFailure: string;
  read(): DomainLimits | undefined;
  write(limits: DomainLimits): Promise<void>;
  /** @returns what is said, and the exit code */
  remove(): Promise<{ readonly text: string; readonly exitCode: number }>;
}

async function run(
  subject: Subject,
  letters: ReadonlySet<string>,
  options: readonly GivenOption[],
  asJson: boolean,
  io: ToolIo,
): Promise<number> {
  const read = subject.read();
  if (read === undefined) return fail(subject.readFailure, io);
  const limits = withKnownBits(read);
  if (letters.has('D')) {
    const { text, exitCode } = await subject.remove();
    io.stdout(text);
    return exitCode;
  }
  if (letters.has('S')) {
    io.stdout(asJson ? `${JSON.stringify(limits, null, 2)}\n` : `${subject.title}\n${shownLimits(limits)}`);
    return 0;
  }
  try {
    await subject.write(changed(limits, options));
    return 0;
  } catch (error) {
    if (error instanceof ToolFailure) throw error;
    io.stderr(`${error instanceof Error ? error.message : String(error)}\n`);
    return fail(subject.writeFailure, io);
  }
}

/** Without the bits that no reader looks at: three are read of each permission, nine of that for mailing lists. */
function withKnownBits(limits: DomainLimits): DomainLimits {
  const { perm_account, perm_alias, perm_forward, perm_autoresponder, perm_maillist, perm_quota, perm_defaultquota } =
    limits;
  return {
    ...limits,
    perm_account: perm_account & 7,
    perm_alias: perm_alias & 7,
    perm_forward: perm_forward & 7,
    perm_autoresponder: perm_autoresponder & 7,
    perm_maillist: perm_maillist & 511,
    perm_quota: perm_quota & 7,
    perm_defaultquota: perm_defaultquota & 7,
  };
}

function fail(text: string, io: ToolIo): number {
  io.stdout(text);
  return 255;
}

function domainSubject(name: string, io: ToolIo): Subject | undefined {
  const domain = openHost(io.layout, silentLog).domain(name);
  return domain && new OwnLimits(domain, io);
}

class OwnLimits implements Subject {
  readonly title: string;
  readonly readFailure = 'Failed to vget_limits\n';
  readonly writeFailure = 'Failed to vset_limits\n';
  readonly #domain: Domain;
  readonly #io: ToolIo;

  constructor(domain: Domain, io: ToolIo) {
    this.title = `Domain: ${domain.name}`;
    this.#domain = domain;
    this.#io = io;
  }

  read(): DomainLimits | undefined {
    return readLimits(this.#io.layout, this.#domain);
  }

  async write(limits: DomainLimits): Promise<void> {
    await writeLimits(this.#domain, limits, ordinaryMode(this.#io));
  }

  async remove(): Promise<{ text: string; exitCode: number }> {
    const isRemoved = await removeLimits(this.#domain);
    return isRemoved ? { text: 'Limits deleted\n', exitCode: 0 } : { text: 'Failed to delete limits\n', exitCode: 255 };
  }
}

class DefaultLimits implements Subject {
  readonly title: string;
  readonly readFailure = 'Failed to read the vlimits.default file.\n';
  readonly writeFailure = 'Failed to write vlimits.default file';
  readonly #io: ToolIo;

  constructor(io: ToolIo) {
    this.title = `Default limits: ${io.layout.host(io.layout.etc('vlimits.default'))}`;
    this.#io = io;
  }

  read(): DomainLimits | undefined {
    return readDefaultLimitsToEdit(this.#io.layout);
  }

  async write(limits: DomainLimits): Promise<void> {
    await writeDefaultLimits(this.#io.layout, limits, ordinaryMode(this.#io));
  }

  async remove(): Promise<{ text: string; exitCode: number }> {
    const text =
      'Default limits must not be deleted. If you really want to do this,\n' +
      'remove the vlimits.default file.\n' +
      'But be warned: this might stop vpopmail from working!!\n';
    return { text, exitCode: 255 };
  }
}

function changed(limits: DomainLimits, options: readonly GivenOption[]): DomainLimits {
  return options.reduce((now, { letter, value }) => (value === undefined ? now : changeOf(letter, value)(now)), limits);
}

function changeOf(letter: string, value: string): Change {
  if (letter === 'g') return (limits) => ({ ...limits, ...flagsOf(value) });
  if (Object.hasOwn(permissions, letter)) return permissionChange(letter as keyof typeof permissions, value);
  // The original takes an empty argument for none.
  if (value === '') return (limits) => limits;
  if (letter === 'q') return (limits) => ({ ...limits, default_quota: sizeOf(normaliseQuota(value) ?? '-1') });
  if (Object.hasOwn(counts, letter))
    return (limits) => ({ ...limits, [counts[letter as keyof typeof counts]]: leadingInteger(value) });
  if (Object.hasOwn(sizes, letter))
    return (limits) => ({ ...limits, [sizes[letter as keyof typeof sizes]]: sizeOf(value) });
  return (limits) => limits;
}

function flagsOf(letters: string): Partial<DomainLimits> {
  return Object.fromEntries(Object.entries(flagLetters).map(([letter, key]) => [key, letters.includes(letter)]));
}

function permissionChange(option: keyof typeof permissions, letters: string): Change {
  const [key, shift] = permissions[option];
  const bits = [...letters].reduce((sum, letter) => sum | (permissionBits[letter] ?? 0), 0);
  return (limits) => ({ ...limits, [key]: (limits[key] & ~(7 << shift)) | (bits << shift) });
}

/** C's atoi. */
function leadingInteger(text: string): number {
  const number = Number(/^[ \t]*([+-]?[0-9]+)/.exec(text)?.[1] ?? 0);
  return Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, number));
}

/** @throws ToolFailure for a negative number, which the original stores as a huge one */
function sizeOf(text: string): number {
  const number = Number(/^[ \t]*([+-]?[0-9]+)/.exec(text)?.[1] ?? 0);
  if (number < 0 || !Number.isSafeInteger(number)) throw new ToolFailure(255, `this is no size: ${text}`);
  return number;
}
