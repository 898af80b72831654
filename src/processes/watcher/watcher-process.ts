// A watcher: a process that looks at the host's files and tells the supervisor what changed (src/watch). One runs as vpopmail:vchkpw, for the files of the whole host and vpopmail's own domains; for each other
// uid that owns domains one runs as that uid, since a domain's directory can be entered by its owner alone. None of them has a socket.
//
// The program of --on-change is run by the first one, with the rights of vpopmail, also for what the others saw.

import { Layout } from '../../layout.js';
import { standardErrorLog as log } from '../../log.js';
import { changeHook, type Hook } from '../../watch/hook.js';
import { type HostWatch, watchHost } from '../../watch/host-watch.js';
import { become } from '../ownership.js';
import { runSupervised, tellSupervisor } from '../supervised.js';

export function runWatcher(): void {
  let watch: HostWatch | undefined;
  let hook: Hook | undefined;

  runSupervised({
    begin({ settings, owner, watch: orders }) {
      if (orders === undefined) throw new Error('a watcher needs to know what to watch');
      const { ofHost, sinceMs } = orders;
      process.title = ofHost ? 'vqmail: watcher' : `vqmail: watcher of uid ${owner.uid}`;
      process.chdir('/');
      become(owner);
      if (ofHost && settings.onChange !== undefined) hook = changeHook({ program: settings.onChange, log });
      watch = watchHost(new Layout(settings.layout), {
        mode: settings.watch === 'poll' ? 'poll' : 'auto',
        log,
        scope: { owner, ofHost, ...(ofHost && { others: (owners) => tellSupervisor({ type: 'owners', owners }) }) },
        sinceMs,
        tell(events) {
          tellSupervisor({ type: 'changed', events });
          hook?.tell(events);
        },
      });
    },
    hear(message) {
      if (message.type === 'changed') hook?.tell(message.events);
    },
    async drain(ms) {
      await watch?.close();
      await hook?.close(ms);
    },
  });
}
