// What a look at two servers gives.

import type { AskedProtocol, ServerAddress } from '../clients/server-address.js';
import type { Found } from './difference.js';

export interface ServerPair {
  readonly protocol: AskedProtocol;
  readonly old: ServerAddress;
  readonly new: ServerAddress;
}

/** What was compared: what could not be is not counted. */
export interface Counts {
  readonly recipients: number;
  readonly accounts: number;
  readonly messages: number;
}

export const noCounts: Counts = { recipients: 0, accounts: 0, messages: 0 };

export interface Looked {
  /** Each with the recipient or folder that it is of, where it is of one. */
  readonly found: readonly (Found & { readonly of?: string })[];
  readonly counts: Counts;
}
