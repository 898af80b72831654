// A look at how the accounts of a host keep their passwords: by which schemes they are hashed, who has a clear one, which are weak. Nothing is changed.
//
//   hash      by its form: auth/new-password.ts; `none` for an empty field, `unusable` for what no password can match
//   clear     the eighth field of vpasswd
//   weak      a clear password is looked at itself; hashes are tried with a few likely passwords where that is asked for (40 calls of crypt(3) for each account)
//   stale     a clear password that the hash is not of, so that CRAM-MD5 and APOP let in another one than PLAIN; looked for together with those
//
// Accounts are those of vpasswd, as the listings of vpopmail's tools have them, line by line.

import { readIfPresent } from '../../files/read.js';
import { parseVpasswdText, recordOf, type WholeRecord } from '../../formats/vpopmail/vpasswd-lines.js';
import { domainFiles, type Layout } from '../../layout.js';
import { listedDomains } from '../../stores/accounts/domain-list.js';
import type { Crypt } from '../crypt-library.js';
import { type PasswordScheme, schemeOfHash } from '../new-password.js';
import { PasswordChecker } from '../password.js';
import { likelyPasswords, weaknessOf } from './weak-password.js';

export type KeptAs = PasswordScheme | 'none' | 'unusable';

export interface AuditedAccount {
  /** Disk path and line of vpasswd, counted from 1. */
  readonly path: string;
  readonly line: number;
  readonly name: string;
  readonly domain: string;
  readonly hash: KeptAs;
  readonly hasClear: boolean;
  /** Why its password is weak; undefined when nothing shows that. */
  readonly weakness: string | undefined;
  /** Whether the clear password is another one than the hash's. Only when it was looked for. */
  readonly isStale: boolean;
}

export interface AuditOptions {
  /** Real domains; all unless given. */
  readonly domains?: readonly string[] | undefined;
  /** Tries likely passwords against the hashes. */
  readonly guesses: boolean;
  readonly crypt?: Crypt;
}

/**
 * The accounts of the host, domain by domain.
 * @throws TemporaryError when a file cannot be read
 */
export async function* auditAccounts(layout: Layout, options: AuditOptions): AsyncGenerator<AuditedAccount> {
  const passwords = new PasswordChecker(options.crypt);
  for (const { name: domain, directory } of realDomains(layout, options.domains)) {
    const path = domainFiles.vpasswd(directory);
    const bytes = readIfPresent(path);
    if (bytes === undefined) continue;
    for (const [index, line] of parseVpasswdText(bytes).lines.entries()) {
      const record = recordOf(line);
      if (record === undefined) continue;
      const known = await look(record, domain, options.guesses ? passwords : undefined);
      yield { path, line: index + 1, name: record.name, domain, ...known };
    }
  }
}

function realDomains(
  layout: Layout,
  wanted: readonly string[] | undefined,
): { readonly name: string; readonly directory: string }[] {
  const all = listedDomains(layout) ?? [];
  const names = wanted?.map((name) => all.find((listed) => listed.name === name)?.realName ?? name);
  return all.filter(({ name, realName }) => name === realName && (names?.includes(name) ?? true));
}

async function look(
  record: WholeRecord,
  domain: string,
  passwords: PasswordChecker | undefined,
): Promise<Pick<AuditedAccount, 'hash' | 'hasClear' | 'weakness' | 'isStale'>> {
  const { name, passwd } = record;
  const clear = record.clearPasswd.replace(/\r$/, '');
  const hash = passwd === '' ? 'none' : (schemeOfHash(passwd) ?? 'unusable');
  const isHash = hash !== 'none' && hash !== 'unusable';
  const verify = async (password: string): Promise<boolean> =>
    isHash && passwords !== undefined && (await passwords.verify(password, passwd, domain).catch(() => false));
  const isStale = clear !== '' && isHash && passwords !== undefined && !(await verify(clear));
  let weakness = clear === '' ? undefined : weaknessOf(clear, name, domain);
  if (passwords !== undefined && isHash && weakness === undefined && (clear === '' || isStale)) {
    for (const likely of likelyPasswords(name, domain)) {
      if (!(await verify(likely))) continue;
      weakness = weaknessOf(likely, name, domain);
      break;
    }
  }
  return { hash, hasClear: clear !== '', weakness, isStale };
}
