// The domain of a login that names none (vchkpw.c, formats/vpopmail.md 8.3), in this order:
//
//   VPOPMAIL_DOMAIN               from the session's environment; characters that no domain has become `_`
//   ~vpopmail/etc/ip_alias_map    `192.0.2.1 example.jp`: the line of the address that the client connected to, unless that domain is in control/locals
//   --default-domain of serve     what the administrator said
//   ~vpopmail/etc/defaultdomain   the first line
//   none                          ''

import { Snapshot } from '../files/snapshot.js';
import { parseLine } from '../formats/controls/control-file.js';
import { domainOfIp, type IpAliasDocument, parseIpAliasMap } from '../formats/vpopmail/ip-alias-map.js';
import type { Layout } from '../layout.js';
import type { Control } from './control.js';

/** Where a login without a domain comes from. */
export interface LoginPlace {
  /** The server's own address, as text. */
  readonly localIp?: string | undefined;
  /** The value of VPOPMAIL_DOMAIN, if set. */
  readonly environmentDomain?: string | undefined;
}

export class DefaultDomain {
  readonly #control: Control;
  readonly #ipAliases: Snapshot<IpAliasDocument>;
  readonly #defaultDomain: Snapshot<string>;
  readonly #given: string | undefined;

  /** @param given counts instead of etc/defaultdomain */
  constructor(layout: Layout, control: Control, given?: string) {
    this.#control = control;
    this.#given = given;
    this.#ipAliases = new Snapshot(layout.etc('ip_alias_map'), (bytes) => parseIpAliasMap(bytes));
    this.#defaultDomain = new Snapshot(layout.etc('defaultdomain'), (bytes) => parseLine(bytes));
  }

  /** The domain that completes a login; '' when there is none. @throws TemporaryError when a file cannot be read */
  forLogin(place: LoginPlace): string {
    if (place.environmentDomain !== undefined) return place.environmentDomain.replace(/[^-.0-9A-Za-z]/g, '_');
    return this.#ofAddress(place.localIp) ?? this.#given ?? this.#defaultDomain.get() ?? '';
  }

  #ofAddress(localIp: string | undefined): string | undefined {
    if (localIp === undefined) return undefined;
    const map = this.#ipAliases.get();
    const domain = map === undefined ? undefined : domainOfIp(map, localIp.replace(/^::ffff:/, ''));
    return domain === undefined || this.#control.isListedLocal(domain) ? undefined : domain;
  }
}
