// The watcher of a host. Signatures.

import type { Layout } from '../layout.js';
import type { Log } from '../log.js';
import type { ChangeEvent } from './events.js';

export type WatchMode = 'auto' | 'poll';

export interface HostWatchOptions {
  readonly mode: WatchMode;
  readonly log: Log;
  /** Is told what changed, in the order in which it was seen; must not throw. */
  readonly tell: (events: readonly ChangeEvent[]) => void;
}

export interface HostWatch {
  /** Resolves when what stood in every domain is known: what changes from then on is told exactly. */
  readonly complete: Promise<void>;
  /** Ends it; resolves when nothing more will be told. */
  close(): Promise<void>;
}

/** Watches the host at `layout`. Returns at once; everything is read in the background. */
export function watchHost(_layout: Layout, _options: HostWatchOptions): HostWatch {
  throw new Error('not there yet');
}
