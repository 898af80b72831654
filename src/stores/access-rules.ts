// May this client connect, and with what environment? The rules that tcprules compiled into /etc/tcp/smtp.cdb, asked anew for each connection, as tcpserver -x does.
//
//   smtp.cdb is       decide() gives
//   absent            allow, no variables: tcpserver without -x
//   there             the one rule that matches (formats/cdb-tcprules.md 2.4), or allow where none does
//   unreadable, or no cdb    throws: the client is turned away for now (tcpserver drops it)
//
// The text beside it is not looked at: `vqmail check` tells when it is newer.

import { lookUpRule, type RuleClient } from '../formats/databases/tcprules.js';
import type { Layout } from '../layout.js';
import type { Databases } from './databases.js';

export type { RuleClient } from '../formats/databases/tcprules.js';

/** What a rule says about a client. */
export interface AccessDecision {
  readonly allow: boolean;
  /** Variables for the session: RELAYCLIENT, DATABYTES, RBLSMTPD, others. */
  readonly environment: ReadonlyMap<string, string>;
  /** The address part of the rule that decided; undefined when none matched. */
  readonly rule?: string | undefined;
}

const allowAll: AccessDecision = { allow: true, environment: new Map() };

export class AccessRules {
  readonly #file: string;
  readonly #databases: Databases;

  /** @param file disk path of the compiled rules; those for SMTP unless given */
  constructor(layout: Layout, databases: Databases, file = layout.smtpRulesCdb) {
    this.#file = file;
    this.#databases = databases;
  }

  /**
   * Decides about a client.
   * @param client address in tcpserver's own short form (formats/ucspi-address.ts), host name and ident as far as they were looked up
   * @throws TemporaryError or CorruptFileError when the rules cannot be read
   */
  decide(client: RuleClient): AccessDecision {
    return this.decideIfAny(client) ?? allowAll;
  }

  /** As `decide`; undefined when there are no rules at all. */
  decideIfAny(client: RuleClient): AccessDecision | undefined {
    const found = this.#databases.lookUp(this.#file, (find) => lookUpRule(find, client), { isShared: true });
    if (found === undefined) return undefined;
    if (found.value === undefined) return allowAll;
    const { key, rule } = found.value;
    return { allow: !rule.deny, environment: rule.environment, rule: key };
  }
}
