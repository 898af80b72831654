// The ways into a queue that this process has (queue/delivery-with-queue says which recipients take which).

import type { Submission } from '../../delivery/accept.js';
import type { Host } from '../../stores/host.js';
import type { QueueWays } from '../delivery-with-queue.js';
import type { Enqueuer } from './enqueuer.js';
import { qmqpEnqueuer } from './over-qmqp.js';
import { programEnqueuer } from './program-enqueuer.js';

/** @param own this host's queue, as far as it is there at the moment */
export function queueWays(host: Pick<Host, 'control' | 'layout'>, own: () => Enqueuer | undefined): QueueWays {
  const servers = (): readonly string[] => host.control.qmqpServers();
  const hosts = qmqpEnqueuer({ servers });
  return {
    own,
    hosts: () => (servers().length > 0 ? hosts : undefined),
    program: ({ path, environment }: NonNullable<Submission['program']>) =>
      programEnqueuer({ path, environment, directory: host.layout.qmail }),
  };
}
