// The options with which vpopmail was built, as far as its files show them (formats/vpopmail.md 0.3, 1.1).

import type { Looker, Part, Support } from './part.js';
import type { HostSize } from './size.js';

interface Sign {
  readonly name: string;
  /** Below ~vpopmail. */
  readonly file: string;
  readonly support: Support;
  readonly text: string;
}

const signs: readonly Sign[] = [
  {
    name: 'vpopmail',
    file: 'domains',
    support: 'served',
    text: 'its domains and accounts are served from the same files',
  },
  {
    name: 'roaming users (relay after POP)',
    file: 'etc/open-smtp',
    support: 'served',
    text: '--pop-before-smtp auto goes on with it',
  },
  {
    name: 'domains by address (ip alias map)',
    file: 'etc/ip_alias_map',
    support: 'served',
    text: 'logins without a domain go by it',
  },
  { name: 'default domain', file: 'etc/defaultdomain', support: 'served', text: 'logins without a domain go by it' },
  {
    name: 'limits of all domains',
    file: 'etc/vlimits.default',
    support: 'served',
    text: 'in force at every login and delivery',
  },
  {
    name: 'MySQL accounts',
    file: 'etc/vpopmail.mysql',
    support: 'missing',
    text: 'accounts in SQL are not read: convert them to vpasswd (vconvert -m -c), or keep this host as it is',
  },
  {
    name: 'PostgreSQL accounts',
    file: 'etc/vpopmail.pgsql',
    support: 'missing',
    text: 'accounts in SQL are not read: convert them to vpasswd first',
  },
  { name: 'LDAP accounts', file: 'etc/vpopmail.ldap', support: 'missing', text: 'accounts in LDAP are not read' },
  {
    name: 'onchange program',
    file: 'etc/onchange',
    support: 'missing',
    text: "vqmail's own tools do not run it; serve --on-change PROGRAM tells of changes by anybody",
  },
  { name: 'usage daemon', file: 'etc/vusaged.conf', support: 'unneeded', text: 'quotas go by maildirsize' },
  {
    name: 'accounts without a domain',
    file: 'users/vpasswd',
    support: 'missing',
    text: 'accounts that belong to no domain cannot log in here',
  },
];

/** What is known of the host's vpopmail. */
export function vpopmailParts(looker: Looker, size: HostSize): Part[] {
  const { layout } = looker;
  const parts: Part[] = signs.flatMap(({ name, file, support, text }) => {
    const place = `${layout.vpopmail}/${file}`;
    return looker.status(place) === undefined
      ? []
      : [{ area: 'vpopmail' as const, name, path: layout.host(place), support, text }];
  });
  const first = size.domains[0];
  if (first !== undefined && size.total.clearPasswords > 0)
    parts.push({
      area: 'vpopmail',
      name: 'clear passwords',
      path: size.domains.find(({ clearPasswords }) => clearPasswords > 0)?.directory ?? first.directory,
      support: 'served',
      text: `${size.total.clearPasswords} accounts have one; CRAM-MD5, DIGEST-MD5, SCRAM and APOP need them`,
    });
  return parts;
}
