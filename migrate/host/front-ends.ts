// Postfix, Dovecot and Courier, by their configuration files: what of it vqmail takes over, and what it goes on beside.

import path from 'node:path';
import { isServedProtocol } from '../../src/settings.js';
import { dovecotProtocols } from './dovecot.js';
import type { Looker, Part, Support } from './part.js';
import { Places } from './places.js';

/** A setting with its line, from 1. */
interface Setting {
  readonly value: string;
  readonly line: number;
}

type Rule = readonly [name: string, pattern: RegExp, support: Support, text: string];

const postfixRules: readonly Rule[] = [
  ['relay_domains', /./, 'served', 'keep the list, or ask the postmap listener (README, Postfix in front)'],
  ['relay_recipient_maps', /./, 'served', 'keep the file, or ask the postmap listener'],
  ['transport_maps', /./, 'served', 'its next hop is what moves to vqmail'],
  ['virtual_transport', /./, 'served', 'lmtp to the lmtp listener'],
  ['virtual_mailbox_domains', /./, 'served', 'keep the list, or ask the postmap listener'],
  ['smtpd_sasl_type', /dovecot/, 'served', 'the auth listener answers in the place of Dovecot'],
  [
    'smtpd_sasl_type',
    /^cyrus/,
    'missing',
    'Cyrus SASL is not spoken: use smtpd_sasl_type = dovecot with the auth listener',
  ],
  ['smtpd_milters', /./, 'stays', 'milters belong to Postfix and go on there; vqmail runs none'],
  ['content_filter', /./, 'stays', 'goes on in Postfix; vqmail has none of its own'],
  ['header_checks', /./, 'stays', 'goes on in Postfix; vqmail has none'],
  ['postscreen_dnsbl_sites', /./, 'stays', 'goes on in Postfix; vqmail has none'],
];

/** IMAP, as far as this version has it. */
const imap = isServedProtocol('imap')
  ? ({
      support: 'served',
      withDovecot: 'IMAP from the same Maildirs',
      withCourier: 'IMAP from the same Maildirs',
    } as const)
  : ({
      support: 'missing',
      withDovecot: 'IMAP is not in this version: let Dovecot go on with it (README, Logins for Postfix and Dovecot)',
      withCourier: 'IMAP is not in this version; Courier can go on on the same Maildirs',
    } as const);

const dovecotRules: readonly Rule[] = [
  ['protocols', /imap/, imap.support, imap.withDovecot],
  ['protocols', /pop3/, 'served', 'POP3 from the same Maildirs; see --uidl'],
  ['protocols', /lmtp/, 'served', 'the lmtp listener'],
  ['protocols', /submission/, 'served', 'the submission listener; mail is not passed on to a relay, but sent'],
  ['protocols', /sieve/, 'missing', 'Sieve scripts are neither run nor managed'],
  ['mail_location', /maildir:/, 'served', 'the same Maildirs'],
  ['mail_location', /(mbox|dbox|mdbox|obox):/, 'missing', 'only Maildir is read'],
  [
    'mail_location',
    /:(INDEX|CONTROL|LAYOUT)=/,
    'missing',
    'lists are looked for in the Maildir itself, in the Maildir++ layout',
  ],
  ['pop3_uidl_format', /./, 'served', 'serve with --uidl dovecot:FORMAT, so that clients download nothing again'],
  ['driver', /vpopmail|checkpassword|passwd-file/, 'served', 'the accounts are asked directly'],
  ['driver', /sql|ldap/, 'missing', 'accounts in SQL or LDAP are not read'],
  ['mail_plugins', /quota/, 'served', 'quotas of vpasswd and maildirsize are in force'],
  ['mail_plugins', /sieve/, 'missing', 'Sieve scripts are not run'],
  ['mail_plugins', /acl/, 'missing', 'shared folders and ACLs are not served'],
  ['mail_plugins', /zlib|compress|mail_crypt/, 'missing', 'compressed or encrypted messages are not read'],
  ['ssl_cert', /./, 'served', 'name the same files with --tls-certificate'],
];

const courierRules: readonly Rule[] = [
  ['authmodulelist', /authvchkpw/, 'served', 'the accounts are asked directly'],
  ['authmodulelist', /mysql|pgsql|ldap|userdb/, 'missing', 'accounts outside vpasswd are not read'],
  ['TLS_CERTFILE', /./, 'served', 'name the same file with --tls-certificate'],
];

/** What is known of the front ends. */
export function frontEndParts(looker: Looker): Part[] {
  return [...postfixParts(looker), ...dovecotParts(looker), ...courierParts(looker)];
}

function postfixParts(looker: Looker): Part[] {
  const parts: Part[] = [];
  for (const directory of new Places(looker.layout).postfixDirectories) {
    const main = path.join(directory, 'main.cf');
    const text = looker.text(main);
    if (text === undefined) continue;
    parts.push(
      part(
        looker,
        'Postfix',
        main,
        undefined,
        'stays',
        'in front of vqmail, which answers its questions; or moved to vqmail port by port',
      ),
    );
    parts.push(...ruled(looker, main, 'Postfix', postfixRules, settings(joined(text), /^([a-z0-9_]+)\s*=\s*(.*)/)));
    const master = path.join(directory, 'master.cf');
    for (const { service, line } of postfixListeners(looker, directory))
      parts.push(part(looker, `Postfix listens on ${service}`, master, line, 'served', portText(service)));
  }
  return parts;
}

export interface PostfixListener {
  /** As master.cf has it, such as `submission` or `127.0.0.1:587`. */
  readonly service: string;
  /** undefined for an uncustomary port. */
  readonly protocol: 'smtp' | 'submission' | 'smtps' | undefined;
  readonly line: number;
  /** Its lines, without the last line end. */
  readonly text: string;
}

/** The services of master.cf that take mail from the network. */
export function postfixListeners(looker: Looker, directory: string): PostfixListener[] {
  const text = looker.text(path.join(directory, 'master.cf')) ?? '';
  const lines = text.split('\n');
  return joined(text).flatMap(({ value, line, last }) => {
    const [service = '', type, , , , , , command = ''] = value.split(/\s+/);
    if (type !== 'inet' || !/^(smtpd|postscreen)$/.test(command)) return [];
    return { service, protocol: postfixProtocol(service), line, text: lines.slice(line - 1, last).join('\n') };
  });
}

function postfixProtocol(service: string): PostfixListener['protocol'] {
  switch (service.slice(service.lastIndexOf(':') + 1)) {
    case 'smtp':
    case '25':
      return 'smtp';
    case 'submission':
    case '587':
      return 'submission';
    case 'smtps':
    case 'submissions':
    case '465':
      return 'smtps';
    default:
      return undefined;
  }
}

function portText(service: string): string {
  const protocol = postfixProtocol(service);
  return protocol === undefined
    ? 'another port; --listen smtp=ADDRESS:PORT can have it'
    : `--listen ${protocol}=... can have it`;
}

function dovecotParts(looker: Looker): Part[] {
  const parts: Part[] = [];
  for (const directory of new Places(looker.layout).dovecotDirectories) {
    const main = path.join(directory, 'dovecot.conf');
    if (looker.text(main) === undefined) continue;
    parts.push(
      part(
        looker,
        'Dovecot',
        main,
        undefined,
        'stays',
        'on the same Maildirs beside vqmail; POP3, LMTP and logins can move',
      ),
    );
    const included = path.join(directory, 'conf.d');
    const files = [
      main,
      ...looker
        .names(included)
        .filter((name) => /\.conf(\.ext)?$/.test(name))
        .map((name) => path.join(included, name)),
    ];
    for (const file of files) {
      const lines = (looker.text(file) ?? '')
        .split('\n')
        .map((value, index) => ({ value: value.trim(), line: index + 1 }));
      const said = settings(lines, /^([a-z0-9_]+)\s*=\s*(.*)/).filter(({ name }) => name !== 'protocols');
      parts.push(...ruled(looker, file, 'Dovecot', dovecotRules, said));
    }
    parts.push(...protocolParts(looker, main));
  }
  return parts;
}

/** What is served, whichever included file says it. */
function protocolParts(looker: Looker, main: string): Part[] {
  const served = dovecotProtocols(looker, main);
  if (served === undefined || served.words.length === 0) return [];
  const said = { name: 'protocols', value: served.words.join(' '), line: served.line };
  return ruled(looker, served.path, 'Dovecot', dovecotRules, [said]);
}

function courierParts(looker: Looker): Part[] {
  const parts: Part[] = [];
  for (const directory of new Places(looker.layout).courierDirectories) {
    for (const name of ['imapd', 'imapd-ssl', 'pop3d', 'pop3d-ssl', 'authdaemonrc']) {
      const file = path.join(directory, name);
      const text = looker.text(file);
      if (text === undefined) continue;
      if (name === 'imapd') parts.push(part(looker, 'Courier IMAP', file, undefined, imap.support, imap.withCourier));
      if (name === 'pop3d')
        parts.push(
          part(
            looker,
            'Courier POP3',
            file,
            undefined,
            'served',
            'serve with --uidl courier, so that clients download nothing again',
          ),
        );
      const lines = text.split('\n').map((value, index) => ({ value, line: index + 1 }));
      parts.push(...ruled(looker, file, 'Courier', courierRules, settings(lines, /^([A-Za-z_]+)=\s*"?([^"]*)/)));
    }
  }
  return parts;
}

/** The first setting that a rule fits, for each rule. */
function ruled(
  looker: Looker,
  file: string,
  program: string,
  rules: readonly Rule[],
  found: readonly { readonly name: string; readonly value: string; readonly line: number | undefined }[],
): Part[] {
  return rules.flatMap(([name, pattern, support, text]) => {
    const setting = found.find((each) => each.name === name && pattern.test(each.value));
    return setting === undefined
      ? []
      : [part(looker, `${program}: ${name} = ${shortened(setting.value)}`, file, setting.line, support, text)];
  });
}

function settings(lines: readonly Setting[], pattern: RegExp): (Setting & { readonly name: string })[] {
  return lines.flatMap(({ value, line }) => {
    const [, name, text] = pattern.exec(value) ?? [];
    return name === undefined || text === undefined || text.trim() === '' ? [] : [{ name, value: text.trim(), line }];
  });
}

/** Lines of main.cf and master.cf, with the last line of each: one that begins with a blank goes on with the one before; comments are none (postconf(5)). */
function joined(text: string): (Setting & { readonly last: number })[] {
  const lines: { value: string; line: number; last: number }[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const before = lines.at(-1);
    if (/^\s/.test(line) && before !== undefined) {
      before.value += ` ${line.trim()}`;
      before.last = index + 1;
    } else lines.push({ value: line, line: index + 1, last: index + 1 });
  }
  return lines;
}

function shortened(value: string): string {
  return value.length > 60 ? `${value.slice(0, 57)}...` : value;
}

function part(
  looker: Looker,
  name: string,
  file: string,
  line: number | undefined,
  support: Support,
  text: string,
): Part {
  return {
    area: 'front end',
    name,
    path: looker.layout.host(file),
    ...(line !== undefined && { line }),
    support,
    text,
  };
}
