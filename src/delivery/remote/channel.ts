import type { DeliveryChannel } from '../report.js';
import type { RemoteContext } from './context.js';

/** The remote channel of the queue. */
export function createRemoteChannel(context: RemoteContext): DeliveryChannel {
  throw new Error(`not yet: ${context.layout.root}`);
}
