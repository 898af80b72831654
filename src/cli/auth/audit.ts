// `vqmail auth audit`: how the accounts of the host keep their passwords, one that is worth a thought a line, and the counts at the end.
//
//   /home/vpopmail/domains/example.jp/vpasswd:2: joe: weak password (made of the address); stored in clear
//   hashes: 12 md5, 3 sha512, 1 des
//   clear passwords: 15 of 16 accounts
//   weak passwords: 1
//
// Exit 1 when there is a weak password, else 0; 100 for a wrong command line.

import { Command } from 'commander';
import { type AuditedAccount, auditAccounts } from '../../auth/audit/audit.js';
import { PermanentError } from '../../errors.js';
import { listedDomains } from '../../stores/accounts/domain-list.js';
import { parseCommandLine } from '../command-line.js';
import type { ToolIo } from '../tool-io.js';

interface Options {
  readonly guess?: boolean;
  readonly summary?: boolean;
  readonly json?: boolean;
}

interface Counts {
  accounts: number;
  clear: number;
  weak: number;
  stale: number;
  readonly hashes: Map<string, number>;
}

const linesBetweenFlushes = 1000;

/** @throws PermanentError for arguments, TemporaryError when a file cannot be read */
export async function audit(args: string[], io: ToolIo): Promise<number> {
  const command = new Command('vqmail auth audit')
    .argument('[domain...]', 'domains; all unless given')
    .option('--guess', 'tries likely passwords against the hashes, and clear passwords too; takes a while')
    .option('--summary', 'the counts alone')
    .option('--json', 'as JSON');
  const options = parseCommandLine<Options>(command, args, io);
  if (options === undefined) return 0;
  const domains = domainsOf(command.args, io);
  const counts: Counts = { accounts: 0, clear: 0, weak: 0, stale: 0, hashes: new Map() };
  let lines = 0;
  for await (const account of auditAccounts(io.layout, { domains, guesses: options.guess ?? false })) {
    count(counts, account);
    if (options.summary) continue;
    const text = options.json ? jsonOf(account, io) : lineOf(account, io);
    if (text === undefined) continue;
    io.stdout(`${text}\n`);
    if (++lines % linesBetweenFlushes === 0) await io.flushed();
  }
  io.stdout(
    options.json ? `${JSON.stringify({ ...counts, hashes: Object.fromEntries(counts.hashes) })}\n` : summaryOf(counts),
  );
  return counts.weak > 0 ? 1 : 0;
}

function domainsOf(names: readonly string[], io: ToolIo): readonly string[] | undefined {
  if (names.length === 0) return undefined;
  const listed = new Set((listedDomains(io.layout) ?? []).map(({ name }) => name));
  const lower = names.map((name) => name.toLowerCase());
  const unknown = lower.find((name) => !listed.has(name));
  if (unknown !== undefined) throw new PermanentError('5.5.4', `vqmail auth audit: there is no domain ${unknown}`);
  return lower;
}

function count(counts: Counts, { hash, hasClear, weakness, isStale }: AuditedAccount): void {
  counts.accounts++;
  counts.hashes.set(hash, (counts.hashes.get(hash) ?? 0) + 1);
  if (hasClear) counts.clear++;
  if (weakness !== undefined) counts.weak++;
  if (isStale) counts.stale++;
}

/** undefined: nothing to be said. */
function lineOf(
  { path, line, name, hash, hasClear, weakness, isStale }: AuditedAccount,
  io: ToolIo,
): string | undefined {
  const words = [
    weakness !== undefined && `weak password (${weakness})`,
    hasClear && 'stored in clear',
    isStale && 'the clear password is another one than the hash is of, and CRAM-MD5 and APOP go by it',
    hash === 'des' && 'DES hash, of which eight characters count',
    hash === 'md5' && 'old hash (md5)',
    hash === 'none' && 'no password',
    hash === 'unusable' && 'no password can match the hash',
  ].filter((word) => word !== false);
  if (words.length === 0) return undefined;
  return `${io.layout.host(path)}:${line}: ${name}: ${words.join('; ')}`.replace(/[\x00-\x1f\x7f]/g, '?');
}

function jsonOf({ path, ...account }: AuditedAccount, io: ToolIo): string {
  return JSON.stringify({ path: io.layout.host(path), ...account });
}

function summaryOf({ accounts, clear, weak, stale, hashes }: Counts): string {
  const sorted = [...hashes].sort(([, a], [, b]) => b - a).map(([name, number]) => `${number} ${name}`);
  const lines = [
    `hashes: ${sorted.join(', ') || 'there are no accounts'}`,
    `clear passwords: ${clear} of ${accounts} accounts`,
    `weak passwords: ${weak}`,
    ...(stale > 0 ? [`clear passwords that are not the hash's: ${stale}`] : []),
  ];
  return `${lines.join('\n')}\n`;
}
