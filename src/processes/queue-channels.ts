// Where the queue's deliveries go: to hosts of the world, and to users of this host.

import { createRemoteChannel } from '../delivery/remote/channel.js';
import type { DeliveryChannel } from '../delivery/report.js';
import type { Log } from '../log.js';
import type { Enqueued, EnqueueRequest } from '../queue/enqueue/native.js';
import type { ChannelName } from '../queue/tree.js';
import type { Settings } from '../settings.js';
import type { Host } from '../stores/host.js';

export interface ChannelContext {
  readonly host: Host;
  readonly settings: Settings;
  readonly log: Log;
  /** Queues what a delivery sends on. @throws EnqueueError */
  readonly enqueue: EnqueueHere;
}

/** Queues a message into the queue that is ours. `gid` is the group of who queues it; its number in the log is given here. */
export type EnqueueHere = (
  request: Omit<EnqueueRequest, 'pid' | 'nowSeconds'> & { readonly gid: number },
) => Promise<Enqueued>;

/** Both channels of a host. */
export function openChannels({ host, log }: ChannelContext): Readonly<Record<ChannelName, DeliveryChannel>> {
  return { local: waitingChannel(), remote: createRemoteChannel({ layout: host.layout, log }) };
}

/** Stands in for a channel that is not there: what it gets stays in the queue. */
function waitingChannel(): DeliveryChannel {
  return {
    async deliver({ recipients }, report) {
      for (const index of recipients.keys())
        report(index, {
          outcome: 'deferral',
          text: 'Local deliveries from the queue are not in this version. (#4.3.5)\n',
        });
    },
    async close() {},
  };
}
