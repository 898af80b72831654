// vmoduser [options] ADDRESS|DOMAIN: changes fields and flags of an account, or of all of a domain; as the original. Exit 0; 255 for an unknown account, nothing for an
// unknown domain; else vpopmail's code.
//
//   -q -c -D -e -C   quota, comment, directory, hash, clear password (and its hash); an empty one changes nothing, but for the quota, which then limits nothing
//   -x               clears all flags; each flag's letter sets it; -S and -E for root alone
//   -n               leaves vpasswd.cdb as it is
//
// Ours beside it: `--scheme NAME` for -C. Not copied: -e leaves the old clear password in force for APOP and CRAM-MD5.

import {
  checkDirectory,
  checkGecos,
  checkHash,
  checkPassword,
  storedQuota,
  withoutColons,
} from '../../admin/users/account-rules.js';
import { type AccountStyle, Hasher, styleOf } from '../../admin/users/account-style.js';
import { type AccountChange, changeAllUsers, changeUser } from '../../admin/users/change-users.js';
import { domainToChange } from '../../admin/users/domain-access.js';
import { schemeOf } from '../../admin/users/new-account.js';
import { renewMaildirsize } from '../../admin/users/set-quota.js';
import { VpopmailError } from '../../admin/vpopmail-error.js';
import { type AccountFlag, flagBits } from '../../formats/vpopmail/vpasswd-flags.js';
import { lower } from '../../mail/address.js';
import { accountsOf } from '../../stores/accounts/enumeration.js';
import type { ReplaceAccountsOptions } from '../../stores/accounts/user-database.js';
import type { Domain } from '../../stores/domains/domain.js';
import type { Host } from '../../stores/host.js';
import { type GivenOption, getopt } from '../getopt.js';
import type { ToolIo } from '../tool-io.js';
import { ordinaryMode, parseAddress, runAccountTool, takeLongOptions, versionLine } from './account-tool.js';

const usage = `vmoduser: usage: [options] email_addr or domain (for each user in domain)
options: -v ( display the vpopmail version number )
         -n ( don't rebuild the vpasswd.cdb file )
         -q quota ( set quota )
         -c comment (set the comment/gecos field )
         -e encrypted_passwd (set the password field )
         -C clear_text_passwd (set the password field )
the following options are bit flags in the gid int field
         -x ( clear all flags )
         -d ( don't allow user to change password )
         -p ( disable POP access )
         -s ( disable SMTP AUTH access )
         -w ( disable webmail [IMAP from localhost*] access )
            ( * full list of webmail server IPs in vchkpw.c )
         -i ( disable non-webmail IMAP access )
         -b ( bounce all mail )
         -o ( user is not subject to domain limits )
         -r ( disable roaming user/pop-before-smtp )
         -a ( grant qmailadmin administrator privileges )
         -S ( grant system administrator privileges - access all domains )
         -E ( grant expert privileges - edit .qmail files )
         -f ( disable spamassassin)
         -F ( delete spam)
         -m ( disable maildrop)
  [The following flags aren't used directly by vpopmail but are]
  [included for other programs that share the user database.]
         -u ( set no dialup flag )
         -0 ( set V_USER0 flag )
         -1 ( set V_USER1 flag )
         -2 ( set V_USER2 flag )
         -3 ( set V_USER3 flag )
`;

const flagOfLetter: Readonly<Record<string, AccountFlag>> = {
  d: 'NO_PASSWD_CHNG',
  p: 'NO_POP',
  w: 'NO_WEBMAIL',
  i: 'NO_IMAP',
  b: 'BOUNCE_MAIL',
  r: 'NO_RELAY',
  u: 'NO_DIALUP',
  '0': 'V_USER0',
  '1': 'V_USER1',
  '2': 'V_USER2',
  '3': 'V_USER3',
  s: 'NO_SMTP',
  a: 'QA_ADMIN',
  o: 'V_OVERRIDE',
  f: 'NO_SPAMASSASSIN',
  F: 'DELETE_SPAM',
  S: 'SA_ADMIN',
  E: 'SA_EXPERT',
  m: 'NO_MAILDROP',
};
const rootLetters = 'SE';

/** The tool. @returns its exit code */
export async function vmoduser(args: string[], io: ToolIo): Promise<number> {
  const { given, rest } = takeLongOptions(args, { scheme: true });
  const { options, operands } = getopt(rest, 'avhnuxc:q:dpswibo0123he:C:D:rSEfFm', 'vmoduser', io, false, 'h');
  const [target = ''] = operands;
  if (options.some(({ letter }) => letter === 'v')) io.stdout(versionLine);
  const wantsHelp = options.some(({ letter }) => letter === 'h');
  if (wantsHelp || target === '') {
    io.stdout(usage);
    return wantsHelp ? 0 : 255;
  }
  return runAccountTool('vmoduser', io, (host) => modify(host, target, readChange(options, given.get('scheme')), io));
}

/** What is to be changed; `clear` is a password that is not hashed yet. */
interface WantedChange {
  readonly change: AccountChange;
  readonly clear: string;
  readonly scheme: string | undefined;
  readonly index: boolean;
}

/** @throws VpopmailError */
function readChange(options: readonly GivenOption[], scheme: string | undefined): WantedChange {
  const last = (wanted: string): string => options.filter(({ letter }) => letter === wanted).at(-1)?.value ?? '';
  const has = (wanted: string): boolean => options.some(({ letter }) => letter === wanted);
  const isRoot = process.geteuid?.() === 0;
  const flags = options.flatMap(({ letter }) => {
    const flag = Object.hasOwn(flagOfLetter, letter) ? flagOfLetter[letter] : undefined;
    return flag === undefined || (rootLetters.includes(letter) && !isRoot) ? [] : [flag];
  });
  const orUndefined = (text: string): string | undefined => (text === '' ? undefined : text);
  const [gecos, dir, hash] = [orUndefined(withoutColons(last('c'))), orUndefined(last('D')), orUndefined(last('e'))];
  if (hash !== undefined) checkHash(hash);
  if (gecos !== undefined) checkGecos(gecos);
  if (dir !== undefined) checkDirectory(dir);
  checkPassword(last('C'));
  return {
    change: {
      ...(hash !== undefined && { secret: { hash } }),
      gecos,
      dir,
      quota: has('q') ? storedQuota(last('q')) : undefined,
      setFlags: flagBits(...flags),
      clearFlags: has('x'),
    },
    clear: last('C'),
    scheme,
    index: !has('n'),
  };
}

async function modify(host: Host, target: string, wanted: WantedChange, io: ToolIo): Promise<number> {
  // With a quota to count by, the original narrows its mask before it writes vpasswd.
  const { quota } = wanted.change;
  const mode = quota === undefined || quota === 'NOQUOTA' ? ordinaryMode(io) : 0o600;
  const options = { mode, index: wanted.index };
  return target.includes('@') ? modifyOne(host, target, wanted, options, io) : modifyAll(host, target, wanted, options);
}

async function modifyOne(
  host: Host,
  address: string,
  wanted: WantedChange,
  options: ReplaceAccountsOptions,
  io: ToolIo,
): Promise<number> {
  const account = parseAddress(address, host, io);
  try {
    const domain = domainToChange(host, account.domain);
    const style = styleOf(host, domain, schemeOf({ password: wanted.clear, scheme: wanted.scheme }));
    const change = await withHash(wanted, style, new Hasher());
    const record = await changeUser(domain, account.name, style, () => change, options);
    await renew(host, domain, [{ dir: change.dir ?? record.dir }], change);
    return 0;
  } catch (error) {
    const kinds = ['domainDoesNotExist', 'userDoesNotExist', 'invalidUid'];
    if (!(error instanceof VpopmailError) || !kinds.includes(error.kind)) throw error;
    io.stdout(`no such user ${account.name}@${host.domain(account.domain)?.name ?? account.domain}\n`);
    return 255;
  }
}

async function modifyAll(
  host: Host,
  name: string,
  wanted: WantedChange,
  options: ReplaceAccountsOptions,
): Promise<number> {
  if (host.domain(lower(name)) === undefined) return 0;
  const domain = domainToChange(host, name);
  const style = styleOf(host, domain, schemeOf({ password: wanted.clear, scheme: wanted.scheme }));
  const hasher = new Hasher();
  // Hashes take long, and the lock is not to be held for long: they are made before, for as many accounts as there seem to be.
  const made: AccountChange[] = [];
  for (const _ of wanted.clear === '' ? [] : accountsOf(domain)) made.push(await withHash(wanted, style, hasher));
  const next = (): AccountChange | Promise<AccountChange> => made.pop() ?? withHash(wanted, style, hasher);
  const records = await changeAllUsers(domain, style, next, () => options);
  await renew(host, domain, records, wanted.change);
  return 0;
}

/** The change with the clear password hashed, for each account by a salt of its own. */
async function withHash(wanted: WantedChange, style: AccountStyle, hasher: Hasher): Promise<AccountChange> {
  if (wanted.clear === '') return wanted.change;
  const hash = await hasher.hash(wanted.clear, style.prefix);
  return { ...wanted.change, secret: { hash, clear: wanted.clear } };
}

async function renew(
  host: Host,
  domain: Domain,
  records: readonly { readonly dir: string }[],
  { quota }: AccountChange,
): Promise<void> {
  if (quota === undefined) return;
  for (const { dir } of records) await renewMaildirsize(host, domain, dir, quota);
}
