// What vmoddomlimits prints: the limits of a domain (-S) and its usage text, as the original's.

import type { DomainLimits } from '../../formats/vpopmail/domain-limits.js';

/** The switches in the order in which they are shown: the key, the name and the letter of -g. */
const switches = [
  ['disable_imap', 'NO_IMAP', 'i'],
  ['disable_smtp', 'NO_SMTP', 's'],
  ['disable_pop', 'NO_POP', 'p'],
  ['disable_webmail', 'NO_WEBMAIL', 'w'],
  ['disable_password_changing', 'NO_PASSWD_CHNG', 'd'],
  ['disable_external_relay', 'NO_RELAY', 'r'],
  ['disable_dialup', 'NO_DIALUP', 'u'],
  ['disable_spamassassin', 'NO_SPAMASSASSIN', 'c'],
  ['delete_spam', 'DEL_SPAM', 'x'],
  ['disable_maildrop', 'NO_MAILDROP', 'm'],
] as const;

/** The permissions in the order in which they are shown: the label, the key, and how far up in it the three bits are. */
const permissions = [
  ['pop account:', 'perm_account', 0],
  ['alias:', 'perm_alias', 0],
  ['forward:', 'perm_forward', 0],
  ['autoresponder:', 'perm_autoresponder', 0],
  ['mailinglist:', 'perm_maillist', 0],
  ['mailinglist users:', 'perm_maillist', 3],
  ['mailinglist moderators:', 'perm_maillist', 6],
  ['quota:', 'perm_quota', 0],
  ['default quota:', 'perm_defaultquota', 0],
] as const;

/** Everything of -S but its first line. */
export function shownLimits(limits: DomainLimits): string {
  const set = switches.filter(([key]) => limits[key]);
  const denied = permissions.map(([label, key, shift]) => `  ${label.padEnd(24)}${shownBits(limits[key] >> shift)}\n`);
  return [
    '--\n',
    `Max Pop Accounts: ${limits.maxpopaccounts}\n`,
    `Max Aliases: ${limits.maxaliases}\n`,
    `Max Forwards: ${limits.maxforwards}\n`,
    `Max Autoresponders: ${limits.maxautoresponders}\n`,
    `Max Mailinglists: ${limits.maxmailinglists}\n`,
    'GID Flags:\n',
    ...set.map(([, name]) => `  ${name}\n`),
    `Flags (for commandline): ${set.map(([, , letter]) => letter).join('')}\n`,
    'Flags for non postmaster accounts:\n',
    ...denied,
    `Domain Quota: ${limits.quota} MB\n`,
    `Default User Quota: ${limits.default_quota} bytes\n`,
    `Max Domain Messages: ${limits.maxmsgcount}\n`,
    `Default Max Messages per User: ${limits.default_maxmsgcount}\n`,
  ].join('');
}

function shownBits(bits: number): string {
  const act = (bit: number, name: string): string => ((bits & bit) === 0 ? `ALLOW_${name} ` : `DENY_${name}  `);
  return act(1, 'CREATE') + act(2, 'MODIFY') + act(4, 'DELETE');
}

export const limitsUsage = `vmoddomlimits: usage: [options] domain 
options: -v ( display the vpopmail version number )
         -d ( use the vlimits.default file, instead of domain )
         -S ( show current settings )
         -D ( delete limits for this domain, i.e. switch to default limits)
         -Q quota-in-megabytes ( set domain disk quota, '100' = 100 MB )
         -q quota-in-bytes ( set default user quota, '10M' = 10 MB )
         -M count ( set domain max msg count )
         -m count ( set default user max msg count )
         -P count ( set max amount of pop accounts )
         -A count ( set max amount of aliases )
         -F count ( set max amount of forwards )
         -R count ( set max amount of autoresponders )
         -L count ( set max amount of mailing lists )
the following options are bit flags in the gid int field
         -g "flags"  (set flags, see below)
         gid flags:
            u ( set no dialup flag )
            d ( set no password changing flag )
            p ( set no pop access flag )
            s ( set no smtp access flag )
            w ( set no web mail access flag )
            i ( set no imap access flag )
            r ( set no external relay flag )
            c ( set no spamassasssin flag )
            x ( set delete spam flag )
            m ( set no maildrop flag )
the following options are bit flags for non postmaster admins
         -p "flags"  (set pop account flags)
         -a "flags"  (set alias flags)
         -f "flags"  (set forward flags)
         -r "flags"  (set autoresponder flags)
         -l "flags"  (set mailinglist flags)
         -u "flags"  (set mailinglist users flags)
         -o "flags"  (set mailinglist moderators flags)
         -x "flags"  (set quota flags)
         -z "flags"  (set default quota flags)
         perm flags:
            a ( set deny all flag )
            c ( set deny create flag )
            m ( set deny modify flag )
            d ( set deny delete flag )
`;
