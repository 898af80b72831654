// The processes of other uids, as a session worker sees them. Domains that users/assign gives to another uid than vpopmail's are read, delivered to and fetched from by
// an agent: a process of that uid which the supervisor starts on demand. It listens at a unix socket that only session workers can open.

import net from 'node:net';
import type { Owner } from '../../delivery/accept.js';
import { TemporaryError } from '../../errors.js';
import { type KeptConnection, KeptConnections } from '../../net/kept-connections.js';

/** Asks the supervisor for the socket path of the agent of an owner. @throws TemporaryError when there is to be none */
export type FindAgent = (owner: Owner) => Promise<string>;

export class Agents {
  /** The uid of this process: what belongs to it needs no agent. */
  readonly ownUid: number;
  readonly #find: FindAgent;
  readonly #kept = new Map<string, KeptConnections>();

  constructor(ownUid: number, find: FindAgent) {
    this.ownUid = ownUid;
    this.#find = find;
  }

  /** A connection to the agent of an owner for one message, perhaps one that was given back before. @throws TemporaryError when it cannot be reached */
  take(owner: Owner): Promise<KeptConnection> {
    const key = `${owner.uid}:${owner.gid}`;
    let kept = this.#kept.get(key);
    if (kept === undefined) {
      kept = new KeptConnections(() => this.connect(owner));
      this.#kept.set(key, kept);
    }
    return kept.take();
  }

  /** Opens a connection to the agent of an owner. @throws TemporaryError when it cannot be reached */
  async connect(owner: Owner): Promise<net.Socket> {
    const path = await this.#find(owner);
    return new Promise((resolve, reject) => {
      const socket = net.connect({ path });
      socket.once('connect', () => resolve(socket.removeAllListeners('error')));
      socket.once('error', (error) =>
        reject(new TemporaryError('4.3.0', 'temporary trouble with this mailbox', error)),
      );
    });
  }
}
