// Where is the agent of this owner? A child's question to the supervisor, and the supervisor's answer.

import { TemporaryError } from '../../errors.js';
import type { Log } from '../../log.js';
import type { FromChild, ToChild } from '../messages.js';
import type { Ids } from '../ownership.js';
import { tellSupervisor } from '../supervised.js';

export class AgentRequests {
  readonly #asked = new Map<number, { resolve(path: string): void; reject(error: Error): void }>();
  #last = 0;

  /** @returns the path of the agent's socket. @throws TemporaryError when there is to be none */
  ask(owner: Ids): Promise<string> {
    return new Promise((resolve, reject) => {
      const request = ++this.#last;
      this.#asked.set(request, { resolve, reject });
      tellSupervisor({ type: 'need-agent', request, owner });
    });
  }

  answer({ request, path, refused }: Extract<ToChild, { type: 'agent' }>): void {
    const asked = this.#asked.get(request);
    this.#asked.delete(request);
    if (path !== undefined) asked?.resolve(path);
    else asked?.reject(new TemporaryError('4.3.0', 'temporary trouble with this mailbox', new Error(refused)));
  }
}

/** The supervisor's side: finds or starts the agent. Does not throw. */
export async function answerAgentRequest(
  { request, owner }: Extract<FromChild, { type: 'need-agent' }>,
  { findAgent, log }: { readonly findAgent: (owner: Ids) => Promise<string>; readonly log: Log },
  send: (answer: ToChild) => void,
): Promise<void> {
  try {
    send({ type: 'agent', request, path: await findAgent(owner) });
  } catch (error) {
    const refused = error instanceof Error ? error.message : String(error);
    log.warning(`no agent for uid ${owner.uid}, gid ${owner.gid}: ${refused}`);
    send({ type: 'agent', request, refused });
  }
}
