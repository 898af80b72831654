// Where does a recipient's mail go? The way that qmail-send, qmail-lspawn and qmail-local would take it, walked without a message (formats/qmail.md 4.2, 5.2, 6):
//
//   recipient      test@mailtest.example.jp
//   rewritten      mailtest.example.jp-test@mailtest.example.jp              locals, virtualdomains, percenthack: local or remote
//   assigned       /home/vpopmail/domains/mailtest.example.jp, - , test      users/cdb, else a system user, else alias (delivery/resolution/assignment)
//   instructed     .qmail-test, else .qmail-default                          lines (delivery/qmail-local), one of which may be
//                                                                            vdelivermail's (delivery/resolution/vpopmail-account)
//
// The files are looked at anew for every recipient, so an answer is as fresh as the disk. Trouble with a file is a deferral, never "no such mailbox".
// Not copied: qmail-lspawn takes mail for an empty local part and throws it away; here it is refused.

import { describe } from '../../errors.js';
import { rewrite } from '../../formats/controls/address-rewriting.js';
import { lower, splitAddress } from '../../mail/address.js';
import type { Host } from '../../stores/host.js';
import { followInstructions, hasInstructions } from '../qmail-local.js';
import { AccountFiles } from './account-files.js';
import { assign, type LocalRecipient } from './assignment.js';
import { needsQueue, refuse, trouble } from './outcomes.js';
import type { Leads, Outcome, Resolution } from './resolution.js';
import type { Explain, Listeners, Onward, ResolverSettings, Way } from './way.js';

/** How often a catch-all address may lead to another. */
const longestChain = 10;

/** Where mail for a rewritten address goes, and as whom; `local` is undefined when that cannot be told now. */
export interface AssignedRecipient {
  readonly local: LocalRecipient | undefined;
  readonly resolution: Resolution;
}

/** Answers for the recipients of one host. Keeps parsed files, each checked against the disk when used. */
export class Resolver {
  readonly #host: Host;
  readonly #settings: ResolverSettings;
  readonly #accountFiles = new AccountFiles();

  constructor(host: Host, settings: ResolverSettings = {}) {
    this.#host = host;
    this.#settings = settings;
  }

  /**
   * What would become of a message for this recipient (Latin-1, as qmail-smtpd understood it). Never throws: trouble is an outcome `defer`.
   * @param explain is told each step
   * @param onward is told where the queue would send the message on to
   */
  resolve(recipient: string, explain?: Explain, onward?: (onward: Onward) => void): Resolution {
    return this.#follow(recipient, { explain, onward, met: undefined }, []);
  }

  /** As `resolve`, with whom the way passes. */
  resolveWithLeads(recipient: string): Resolution {
    const leads: Leads = { accounts: [], maildirs: [], addresses: [] };
    const listeners: Listeners = {
      explain: undefined,
      onward(onward) {
        if (onward.kind === 'forward') leads.addresses.push(onward.address);
      },
      met(met) {
        if ('account' in met) leads.accounts.push(met.account);
        else if ('maildir' in met) leads.maildirs.push(met.maildir);
        else leads.addresses.push(met.address);
      },
    };
    return { ...this.#follow(recipient, listeners, []), leads };
  }

  /**
   * What would become of a message for an address of the local channel: one that has been rewritten already. Never throws.
   * @param address with a local part and a domain
   */
  resolveAssigned(address: string): AssignedRecipient {
    const way = this.#way({ explain: undefined, onward: undefined, met: undefined }, []);
    const { local, domain = '' } = splitAddress(address);
    const asked = { recipient: address, isRewritten: true };
    try {
      const found = assign(way, local, { address, domain });
      if ('kind' in found) return { local: undefined, resolution: { ...asked, outcome: found } };
      const resolution = {
        ...asked,
        owner: found.owner,
        isSystemUser: found.isSystemUser,
        outcome: instructions(way, found),
      };
      return { local: found, resolution };
    } catch (error) {
      return { local: undefined, resolution: { ...asked, outcome: trouble(error) } };
    }
  }

  /** Whether mail for this recipient may find instructions, if he is a user of the system: false only when he surely has none. Never throws. */
  hasSystemMailbox(recipient: string): boolean {
    try {
      const local = address(this.#way({ explain: undefined, onward: undefined, met: undefined }, []), recipient);
      return 'kind' in local || !local.isSystemUser || hasInstructions(local);
    } catch {
      return true;
    }
  }

  #way(listeners: Listeners, passed: readonly string[]): Way {
    return {
      ...listeners,
      host: this.#host,
      settings: this.#settings,
      accountFiles: this.#accountFiles,
      passed,
      follow: (address, passing) => this.#follow(address, listeners, [...passed, passing]),
    };
  }

  #follow(recipient: string, listeners: Listeners, passed: readonly string[]): Resolution {
    const { explain } = listeners;
    const way = this.#way(listeners, passed);
    if (passed.length > longestChain || new Set(passed).size < passed.length) {
      explain?.('the catch-all addresses lead in a circle');
      return { recipient, outcome: refuse(554, '5.4.6', 'mail is looping (#5.4.6)') };
    }
    let local: LocalRecipient | Outcome;
    try {
      local = address(way, recipient);
    } catch (error) {
      return { recipient, outcome: told(trouble(error), error, explain) };
    }
    if ('kind' in local) return { recipient, outcome: local };
    const { owner, isSystemUser } = local;
    return { recipient, owner, isSystemUser, outcome: instructions(way, local) };
  }
}

function address(way: Way, recipient: string): LocalRecipient | Outcome {
  const { host, explain } = way;
  const rewritten = rewrite(recipient, host.control.rewriting());
  const { key, prefix, complete } = rewritten;
  if (rewritten.channel === 'remote') {
    const why =
      key === undefined ? 'neither locals nor virtualdomains has its domain' : `virtualdomains excepts ${key}`;
    explain?.(`${host.layout.host(host.layout.controlDirectory)}: ${why}, so ${complete} is for another host`);
    way.onward?.({ kind: 'remote', address: complete });
    return needsQueue('remote', 'mail for other hosts');
  }
  const { local, domain = '' } = splitAddress(rewritten.address);
  explain?.(
    prefix === undefined
      ? `${shownControl(way, 'locals')}: has ${lower(domain)}, so ${complete} is local`
      : `${shownControl(way, 'virtualdomains')}: has ${key}:${prefix}, so ${complete} is local as ${rewritten.address}`,
  );
  if (local === '') return refuse(550, '5.1.3', 'sorry, an address needs a name before the @. (#5.1.3)');
  return assign(way, local, { address: rewritten.address, domain });
}

function instructions(way: Way, recipient: LocalRecipient): Outcome {
  try {
    return followInstructions(way, recipient);
  } catch (error) {
    return told(trouble(error), error, way.explain);
  }
}

function told(outcome: Outcome, error: unknown, explain: Explain | undefined): Outcome {
  explain?.(`trouble: ${describe(error)}`);
  return outcome;
}

function shownControl(way: Way, name: string): string {
  return way.host.layout.host(way.host.layout.control(name));
}
