// `vqmail route ADDRESS`: what would happen to a message for ADDRESS, step by step, and why, each step with the file that decides it:
//
//   /var/qmail/control/rcpthosts: mail for mailtest.example.jp is taken from every client
//   /var/qmail/control/virtualdomains: has mailtest.example.jp:mailtest.example.jp, so test@mailtest.example.jp is local as ...
//   /var/qmail/users/cdb: +mailtest.example.jp- gives it to mailtest.example.jp, uid 6020, gid 6020, in /home/vpopmail/domains/mailtest.example.jp
//   /home/vpopmail/domains/mailtest.example.jp/.qmail-default:1: | /home/vpopmail/bin/vdelivermail '' bounce-no-mailbox
//   ...
//   delivered to /home/vpopmail/domains/mailtest.example.jp/test/Maildir/
//
// Behind the queue it goes on: forwards are followed, programs and mbox files named, and for other hosts the route or, with --dns, the MX hosts (cli/route/onward).
//
// Exit 0 deliverable (or thrown away as a file says, or for a queue), 100 refused, 111 temporary, or for a queue that this host does not have; where other hosts were looked up, as
// that went. Changes nothing: a mailbox's usage is told as its maildirsize has
// it, and not counted anew. It sees what the user who runs it may read.

import { Command } from 'commander';
import { dnsNames, type NameService } from '../delivery/remote/names.js';
import type { MaildirTarget, Outcome } from '../delivery/resolution/resolution.js';
import { Resolver } from '../delivery/resolution/resolve.js';
import type { Onward } from '../delivery/resolution/way.js';
import { describe, PermanentError } from '../errors.js';
import { exceeds, isUnlimited, parseQuota } from '../formats/vpopmail/quota.js';
import { splitAddress } from '../mail/address.js';
import { type Host, openHost } from '../stores/host.js';
import { accountingRoot, knownUsage, quotaLineOf } from '../stores/maildir/maildirsize.js';
import { parseCommandLine } from './command-line.js';
import { hasQueue, sayOnward } from './route/onward.js';
import type { ToolIo } from './tool-io.js';

const exitCodes: Readonly<Record<Exclude<Outcome['kind'], 'queue'>, number>> = {
  deliver: 0,
  discard: 0,
  refuse: 100,
  defer: 111,
};

/** @throws PermanentError for arguments */
export async function route(args: string[], io: ToolIo): Promise<number> {
  const command = new Command('vqmail route')
    .argument('[address]', 'of the recipient')
    .option('--dns', 'look up the hosts that mail for other hosts would go to')
    .option('--dns-server <address>', 'look them up there: an IP address, and :PORT where it is not 53');
  const options = parseCommandLine<{ readonly dns?: boolean; readonly dnsServer?: string }>(command, args, io);
  if (options === undefined) return 0;
  const [address] = command.args;
  if (address === undefined) throw new PermanentError('5.5.4', 'usage: vqmail route ADDRESS [--dns] [--root DIR]');
  const names = nameService(options);
  const host = openHost(io.layout);
  const say = (step: string): void => io.stdout(`${step.replace(/[\x00-\x1f\x7f]/g, '?')}\n`);
  const isTaken = sayWhoMaySend(host, address, say);
  const onward: Onward[] = [];
  const resolver = new Resolver(host);
  const { outcome } = resolver.resolve(address, say, (where) => onward.push(where));
  const isFull =
    outcome.kind === 'deliver' && outcome.maildirs.filter((target) => sayUsage(host, target, say)).length > 0;
  const isStuck = outcome.kind === 'queue' && !hasQueue(host);
  let queued = isStuck ? 111 : 0;
  if (outcome.kind === 'queue' && !isStuck) queued = await sayOnward({ host, resolver, say, names }, onward);
  else say(isFull ? 'refused: 552 5.2.2 user is over quota' : conclusion(outcome, (path) => io.layout.host(path)));
  if (isTaken === undefined) return 111;
  if (isTaken && !isFull) return outcome.kind === 'queue' ? queued : exitCodes[outcome.kind];
  if (!isTaken) say("to other clients: refused: 553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)");
  return 100;
}

/** Where names are looked up; undefined: nowhere. @throws PermanentError for an address that is none */
function nameService({ dns, dnsServer }: { dns?: boolean; dnsServer?: string }): NameService | undefined {
  if (dnsServer === undefined) return dns ? dnsNames() : undefined;
  try {
    return dnsNames([dnsServer]);
  } catch {
    throw new PermanentError(
      '5.5.4',
      `--dns-server ${dnsServer}: an IP address is wanted, and :PORT where it is not 53`,
    );
  }
}

/** Tells whose mail for the address is taken by SMTP. @returns whether everybody's is; undefined when that cannot be told */
function sayWhoMaySend(host: Host, address: string, say: (step: string) => void): boolean | undefined {
  const shown = host.layout.host(host.layout.control('rcpthosts'));
  try {
    const { domain } = splitAddress(address);
    const isTaken = host.control.isAllowedRecipientDomain(address);
    const what = domain === undefined ? 'mail for an address without a domain' : `mail for ${domain}`;
    say(`${shown}: ${what} is taken from ${isTaken ? 'every client' : 'clients that may relay only'}`);
    return isTaken;
  } catch (error) {
    say(`${shown}: cannot be read, every recipient is deferred: ${describe(error)}`);
    return undefined;
  }
}

/** Tells how full a Maildir with a limit is. @returns whether it can take nothing more */
function sayUsage(host: Host, target: MaildirTarget, say: (step: string) => void): boolean {
  if (target.quota === undefined) return false;
  const root = accountingRoot(target.maildir);
  const shown = `${host.layout.host(root)}/maildirsize`;
  try {
    const limit = typeof target.quota === 'string' ? target.quota : (quotaLineOf(root) ?? '');
    const quota = parseQuota(limit);
    if (isUnlimited(quota)) return false;
    const known = knownUsage(root, Date.now());
    if (known === undefined) {
      say(`${shown}: missing or old, so the mailbox is counted when mail comes (limit ${limit})`);
      return false;
    }
    const { bytes, count } = known.usage;
    say(`${shown}: ${bytes} bytes in ${count} messages, limit ${limit}`);
    return exceeds({ bytes: bytes + 1, count: count + 1 }, quota);
  } catch (error) {
    say(`${shown}: cannot be read: ${describe(error)}`);
    return false;
  }
}

function conclusion(outcome: Outcome, hostPath: (path: string) => string): string {
  switch (outcome.kind) {
    case 'deliver':
      return `delivered to ${outcome.maildirs.map(({ maildir }) => `${hostPath(maildir)}/`).join(' and ')}`;
    case 'discard':
      return `accepted and thrown away: ${outcome.reason}`;
    case 'refuse':
      return `refused: ${outcome.code} ${outcome.status} ${outcome.text}`;
    case 'queue':
      return `deferred: ${outcome.code} ${outcome.status} ${outcome.text}`;
    case 'defer':
      return `deferred: ${outcome.code} ${outcome.status} ${outcome.text}${outcome.cause === undefined ? '' : `: ${outcome.cause}`}`;
  }
}
