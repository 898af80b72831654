// The watcher in the one process that does everything.

import { Layout } from '../../layout.js';
import type { Settings } from '../../settings.js';
import { changeHook } from '../../watch/hook.js';
import { watchHost } from '../../watch/host-watch.js';
import { type Consequences, follow } from './consequences.js';

export interface Watching {
  /** Ends it; what the program of --on-change has not been told after `ms` it is not told. */
  close(ms: number): Promise<void>;
}

/** Begins to watch in this process. Not to be called with --watch off. */
export function watchHere(settings: Settings, consequences: Consequences): Watching {
  const { log } = consequences;
  const hook = settings.onChange === undefined ? undefined : changeHook({ program: settings.onChange, log });
  const watch = watchHost(new Layout(settings.layout), {
    mode: settings.watch === 'poll' ? 'poll' : 'auto',
    log,
    tell(events) {
      follow(events, consequences);
      hook?.tell(events);
    },
  });
  return {
    async close(ms) {
      await watch.close();
      await hook?.close(ms);
    },
  };
}
