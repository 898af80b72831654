// Quota strings: the seventh field of vpasswd, the first line of maildirsize, the argument of vsetuserquota (formats/vpopmail.md 5.1).
//
//   10485760S,1000C    at most 10485760 bytes and 1000 messages      NOQUOTA    no limit
//
// Parts are separated by commas. A part that ends in a capital C counts messages, any other counts bytes: a number, then K, M, G or T (powers of 1024), then
// an optional B, then an optional S. A later part of a kind overrides an earlier one; zero is no limit; text without a number is zero.
// The originals read G and T as no factor at all. Here they mean what they say, and what is stored is in bytes, so that the originals agree.

/** The limits of a mailbox; an absent one does not limit. Above 2^53 bytes the number is approximate. */
export interface Quota {
  readonly sizeBytes?: number;
  readonly count?: number;
}

export interface Usage {
  readonly bytes: number;
  readonly count: number;
}

const largest = 2n ** 63n - 1n;
const factors: Readonly<Record<string, bigint>> = { K: 2n ** 10n, M: 2n ** 20n, G: 2n ** 30n, T: 2n ** 40n };

/** The limits that delivery goes by. Anything that begins with `NO` is unlimited. A negative number limits nothing. */
export function parseQuota(stored: string): Quota {
  if (stored.startsWith('NO')) return {};
  const { size, count } = partsOf(stored);
  return { ...(size > 0n && { sizeBytes: Number(size) }), ...(count > 0n && { count: Number(count) }) };
}

/** Limits in the form in which they are stored: `10485760S,1000C`; NOQUOTA when there is none. */
export function serializeQuota(quota: Quota): string {
  return normalForm(BigInt(quota.sizeBytes ?? 0), BigInt(quota.count ?? 0)) || 'NOQUOTA';
}

/**
 * What vpopmail's tools store for an argument, in bytes: `10MB` gives `10485760S`. Both limits zero give '' (no limit).
 * Undefined for a negative number, which the tools refuse.
 */
export function normaliseQuota(input: string): string | undefined {
  if (input === 'NOQUOTA') return input;
  const { size, count } = partsOf(input);
  return size < 0n || count < 0n ? undefined : normalForm(size, count);
}

/** The first line of the maildirsize that delivery makes for a stored quota: in bytes, whatever form vpasswd has. */
export function quotaLineFor(stored: string): string {
  return normaliseQuota(stored) || stored;
}

export function isUnlimited(quota: Quota): boolean {
  return quota.sizeBytes === undefined && quota.count === undefined;
}

/** Whether this much is more than the limits allow. */
export function exceeds(usage: Usage, quota: Quota): boolean {
  if (quota.sizeBytes !== undefined && usage.bytes > quota.sizeBytes) return true;
  return quota.count !== undefined && usage.count > quota.count;
}

/** How full a mailbox is, in whole percent of the limit that is nearer; 0 when unlimited. From 90 on vdelivermail warns. */
export function percentUsed(usage: Usage, quota: Quota): number {
  const size = quota.sizeBytes === undefined ? 0 : Math.floor((usage.bytes * 100) / quota.sizeBytes);
  const count = quota.count === undefined ? 0 : Math.floor((usage.count * 100) / quota.count);
  return Math.max(size, count, 0);
}

function partsOf(text: string): { size: bigint; count: bigint } {
  let size = 0n;
  let count = 0n;
  for (const part of text.split(',')) {
    if (part === '') continue;
    if (part.endsWith('C')) count = clamped(leadingNumber(part));
    else size = sizeOf(part);
  }
  return { size, count };
}

function sizeOf(part: string): bigint {
  const unit = part.replace(/S$/i, '').replace(/B$/i, '').slice(-1).toUpperCase();
  return clamped(leadingNumber(part) * (factors[unit] ?? 1n));
}

/** As C's atoll: blanks, a sign, the digits that follow. */
function leadingNumber(text: string): bigint {
  const found = /^[ \t\n\v\f\r]*([+-]?)([0-9]+)/.exec(text);
  if (found === null) return 0n;
  const value = BigInt((found[2] ?? '').slice(0, 40));
  return found[1] === '-' ? -value : value;
}

function clamped(value: bigint): bigint {
  return value > largest ? largest : value;
}

function normalForm(size: bigint, count: bigint): string {
  const parts: string[] = [];
  if (size > 0n) parts.push(`${size}S`);
  if (count > 0n) parts.push(`${count}C`);
  return parts.join(',');
}
