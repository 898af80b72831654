// A session worker's own acceptance of connections, from the sockets that it has inherited from the supervisor.

import type { ListenAddress, Listener, Receiver } from '../net/listener.js';
import { acceptFrom } from '../net/shared-listener.js';
import { firstInherited } from './child.js';

export class Accepting {
  readonly #receiver: Receiver;
  readonly #listeners: Listener[] = [];
  #isOver = false;

  constructor(receiver: Receiver) {
    this.#receiver = receiver;
  }

  /** @param addresses of the sockets in the order of their descriptors. @throws ConfigurationError when one cannot be listened at */
  async begin(addresses: readonly ListenAddress[]): Promise<void> {
    for (const [index, address] of addresses.entries()) {
      const listener = await acceptFrom(firstInherited + index, address, this.#receiver);
      this.#listeners.push(listener);
      if (this.#isOver) listener.close();
    }
  }

  /** Accepts nothing more: what waits is for others. */
  end(): void {
    this.#isOver = true;
    for (const listener of this.#listeners) listener.close();
  }
}
