// What the daemon does when the watcher tells that something changed: a log line for each event, open sessions of the accounts concerned are looked at, and a change of a control file
// counts as SIGHUP does. Nothing here decides what is in force: that, every look-up reads from the disk.

import type { Log } from '../../log.js';
import { type ChangeEvent, eventText } from '../../watch/events.js';
import { type Recheck, recheckAfter } from '../../watch/recheck.js';

export interface Consequences {
  readonly log: Log;
  /** Looks at open sessions, wherever they are. */
  recheck(which: Recheck): void;
  /** Does what SIGHUP does. */
  controlsChanged(): void;
}

/** Draws the consequences of some events. */
export function follow(events: readonly ChangeEvent[], consequences: Consequences): void {
  for (const event of events) consequences.log.info(`watch: ${eventText(event)}`);
  const which = recheckAfter(events);
  if (which !== undefined) consequences.recheck(which);
  if (events.some(({ event }) => event === 'control changed')) consequences.controlsChanged();
}
