// What the steps of a resolution share: where they look, and whom they tell.

import path from 'node:path';
import type { Host } from '../../stores/host.js';
import type { AccountFiles } from './account-files.js';
import type { Resolution } from './resolution.js';

/** Tells one step of the way and why; for `vqmail route`. */
export type Explain = (step: string) => void;

/** Where a recipient's mail goes on to behind the queue. Commands, addresses and paths are as files have them. */
export type Onward =
  | { readonly kind: 'forward'; readonly address: string }
  | { readonly kind: 'program'; readonly command: string; readonly uid: number; readonly hostDirectory: string }
  | { readonly kind: 'mbox'; readonly path: string; readonly hostDirectory: string }
  | { readonly kind: 'remote'; readonly address: string };

export interface ResolverSettings {
  /**
   * What an empty .qmail file means: the argument of qmail-start, such as `./Maildir/`. Else the first line of control/defaultdelivery counts, where start scripts
   * keep it; without either, mail for such a file is left to the queue.
   */
  readonly defaultDelivery?: string;
}

/** Who is told the steps, and the places behind the queue. */
export interface Listeners {
  readonly explain: Explain | undefined;
  /** Is told each place that the queue would send the message on to; for `vqmail route`. */
  readonly onward: ((onward: Onward) => void) | undefined;
  /** Is told whom the way passes: accounts (`user@domain`), Maildirs (disk paths), addresses of catch-alls that are followed; for leads-to.ts. */
  readonly met: ((met: Met) => void) | undefined;
}

export type Met = { readonly account: string } | { readonly maildir: string } | { readonly address: string };

/** What is known on the way to a recipient's mailbox. */
export interface Way extends Listeners {
  readonly host: Host;
  readonly settings: ResolverSettings;
  readonly accountFiles: AccountFiles;
  /** The addresses whose catch-all has led here, in lower case. */
  readonly passed: readonly string[];
  /** Resolves the address that the catch-all for `passing` names. */
  follow(address: string, passing: string): Resolution;
}

/** The disk path of a Maildir as a line names it, relative to a directory (host path) or absolute, without its final slash. */
export function maildirPath(way: Way, hostDirectory: string, written: string): string {
  return way.host.layout.disk(path.posix.resolve(hostDirectory, written));
}
