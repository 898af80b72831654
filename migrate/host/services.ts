// How this host starts its mail services: run scripts of daemontools and runit, units of systemd, rc scripts, lines of other start scripts.
//
//   exec softlimit -m 40000000 tcpserver -v -R -l "$LOCAL" -x /etc/tcp/smtp.cdb -u 7791 -g 2108 0 25 /var/qmail/bin/qmail-smtpd 2>&1
//
// tcpserver's words are read as its getopt reads them: options, host, port, program (tcpserver(1); sslserver and tcpsvd alike). Variables of the shell are not followed but for
// those that the same script sets to a plain word.

import type { Looker } from './part.js';
import { Places } from './places.js';
import { mailPorts } from './ports.js';

export type Manager = 'daemontools' | 'runit' | 'systemd' | 'rc' | 'script';

export interface Service {
  /** As the manager knows it: the directory of a run script, the name of a unit or rc script, the path of another script. */
  readonly name: string;
  readonly manager: Manager;
  /** Host path of what starts it, and the line, from 1. */
  readonly path: string;
  readonly line: number;
  /** What it serves, such as `smtp` or `queue`; undefined when that cannot be told. */
  readonly protocol: string | undefined;
  readonly address: string | undefined;
  readonly port: number | undefined;
  /** The programs in its line that are known, such as `tcpserver qmail-smtpd`. */
  readonly programs: readonly string[];
  /** tcpserver's -x. */
  readonly rules: string | undefined;
}

const programs: Readonly<Record<string, string | undefined>> = {
  'qmail-smtpd': 'smtp',
  'qmail-pop3d': 'pop3',
  'qmail-popup': 'pop3',
  'qmail-start': 'queue',
  'qmail-qmqpd': 'qmqp',
  imapd: 'imap',
  imaplogin: 'imap',
  pop3login: 'pop3',
  courierpop3d: 'pop3',
  couriertcpd: undefined,
  dovecot: 'imap',
  tcpserver: undefined,
  sslserver: undefined,
  tcpsvd: undefined,
  sslsvd: undefined,
  rblsmtpd: undefined,
  vchkpw: undefined,
  vpopmaild: 'vpopmaild',
  stunnel: undefined,
};
const servers = new Set(['tcpserver', 'sslserver', 'tcpsvd', 'sslsvd', 'couriertcpd']);
const letterWithValue = new Set([...'xBcbugltiCwT']);

/** Every service of mail that is found, in the order of the places. */
export function mailServices(looker: Looker): Service[] {
  const places = new Places(looker.layout);
  const found: Service[] = [];
  const seen = new Set<string>();
  const add = (file: string, name: string, manager: Manager): void => {
    const status = looker.status(file);
    if (status === undefined || seen.has(`${status.dev}.${status.ino}`)) return;
    seen.add(`${status.dev}.${status.ino}`);
    const text = looker.text(file);
    if (text !== undefined) found.push(...servicesIn(text, { path: looker.layout.host(file), name, manager }));
  };
  for (const directory of places.serviceDirectories)
    for (const name of looker.names(directory))
      add(
        `${directory}/${name}/run`,
        looker.layout.host(`${directory}/${name}`),
        isRunit(looker, directory, name) ? 'runit' : 'daemontools',
      );
  for (const directory of places.systemdDirectories)
    for (const name of looker.names(directory))
      if (/\.service$/.test(name)) add(`${directory}/${name}`, name, 'systemd');
  for (const directory of places.rcDirectories)
    for (const name of looker.names(directory)) add(`${directory}/${name}`, name, 'rc');
  for (const file of places.startScripts) add(file, looker.layout.host(file), 'script');
  return found;
}

/** By what runsv keeps and supervise does not, else by the place. */
function isRunit(looker: Looker, directory: string, name: string): boolean {
  const isKept = (file: string): boolean => looker.status(`${directory}/${name}/supervise/${file}`) !== undefined;
  return isKept('stat') || (/runit|\/etc\/service$/.test(directory) && !isKept('lock'));
}

/** The services in one script. */
export function servicesIn(
  text: string,
  from: { readonly path: string; readonly name: string; readonly manager: Manager },
): Service[] {
  const variables = new Map<string, string>();
  const found: Service[] = [];
  for (const { line, command } of logicalLines(text)) {
    if (/^\s*#/.test(command)) continue;
    const assigned = /^\s*(?:export\s+)?([A-Za-z_]\w*)=(['"]?)([\w./:-]*)\2\s*;?$/.exec(command);
    if (assigned?.[1] !== undefined) variables.set(assigned[1], assigned[3] ?? '');
    const unit = /^Exec(?:Start|StartPre)=[-@:+!]*(.*)/.exec(command)?.[1];
    if (from.manager === 'systemd' && unit === undefined) continue;
    const words = wordsOf(unit ?? command, variables);
    const named = words
      .map((word) => word.slice(word.lastIndexOf('/') + 1))
      .filter((word) => Object.hasOwn(programs, word));
    if (named.length === 0 || (named.length === 1 && named[0] === 'vchkpw')) continue;
    const listener = listenerOf(words);
    const isServed =
      listener !== undefined ||
      named.some(
        (name) => name === 'qmail-start' || name === 'dovecot' || name === 'couriertcpd' || name === 'vpopmaild',
      );
    if (!isServed) continue;
    const protocol = protocolOf(named, listener?.port);
    found.push({
      ...from,
      line,
      protocol,
      address: listener?.address,
      port: listener?.port,
      programs: [...new Set(named)],
      rules: listener?.rules,
    });
  }
  return found;
}

/** Lines with their continuations behind a backslash. */
function logicalLines(text: string): { line: number; command: string }[] {
  const lines: { line: number; command: string }[] = [];
  let open: { line: number; command: string } | undefined;
  for (const [index, part] of text.split('\n').entries()) {
    const isContinued = part.endsWith('\\');
    const body = isContinued ? part.slice(0, -1) : part;
    if (open === undefined) open = { line: index + 1, command: body };
    else open.command += ` ${body}`;
    if (isContinued) continue;
    lines.push(open);
    open = undefined;
  }
  if (open !== undefined) lines.push(open);
  return lines;
}

function wordsOf(command: string, variables: ReadonlyMap<string, string>): string[] {
  const words = command.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return words.map((word) =>
    word.replace(/["']/g, '').replace(/\$\{?([A-Za-z_]\w*)\}?/g, (whole, name: string) => variables.get(name) ?? whole),
  );
}

function listenerOf(
  words: readonly string[],
): { address: string; port: number | undefined; rules: string | undefined } | undefined {
  const start = words.findIndex((word) => servers.has(word.slice(word.lastIndexOf('/') + 1)));
  if (start < 0) return undefined;
  let rules: string | undefined;
  let at = start + 1;
  for (; at < words.length && words[at]?.startsWith('-'); at++) {
    const word = words[at] ?? '';
    const letter = [...word.slice(1)].find((each) => letterWithValue.has(each));
    if (letter === undefined) continue;
    const joined = word.slice(word.indexOf(letter) + 1);
    const value = joined === '' ? (words[++at] ?? '') : joined;
    if (letter === 'x') rules = value;
  }
  const [address = '0', port = ''] = words.slice(at);
  return { address: address === '0' ? '0.0.0.0' : address, port: portOf(port), rules };
}

function portOf(text: string): number | undefined {
  if (/^[0-9]{1,5}$/.test(text)) return Number(text);
  const known = Object.entries(mailPorts).find(([, name]) => name === text.replace('pop-3', 'pop3'));
  return known === undefined ? undefined : Number(known[0]);
}

function protocolOf(named: readonly string[], port: number | undefined): string | undefined {
  const byPort = port === undefined ? undefined : mailPorts[port];
  return byPort ?? named.map((name) => programs[name]).find((protocol) => protocol !== undefined);
}
