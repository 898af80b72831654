// The agents as the supervisor keeps them: one process for each uid other than vpopmail's whose domain is asked for, started at the first question and ended when nobody
// has been connected for a while.
//
// A session worker that was taken over cannot have a process of anybody it likes: the uid and gid must stand together in users/cdb, or be alias's, and neither may be root's.
//
// The sockets lie in a directory of root's that can be entered but not listed; each belongs to the session workers' uid, mode 0600.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Succession } from '../../auth/rehash/successors.js';
import { withCdb } from '../../files/cdb/cdb-file.js';
import { parseAssignmentValue } from '../../formats/controls/users-assign.js';
import { cdbRecords } from '../../formats/databases/cdb.js';
import type { Log } from '../../log.js';
import type { Settings } from '../../settings.js';
import type { Host } from '../../stores/host.js';
import { Child } from '../child.js';
import type { ToChild } from '../messages.js';
import type { Ids } from '../ownership.js';
import { answerRelayRequest } from '../relay-requests.js';

export interface AgentPoolOptions {
  readonly settings: Settings;
  readonly host: Host;
  /** Who may connect. */
  readonly sessionOwner: Ids;
  readonly log: Log;
  /** Lets a client relay that has logged in. Never rejects. */
  readonly openRelay: (clientIp: string) => Promise<void>;
  /** Tells all processes that hashes get others with the same passwords. */
  readonly announce: (successions: readonly Succession[]) => void;
  readonly idleMs?: number;
}

interface Agent {
  readonly child: Child;
  readonly path: Promise<string>;
  connections: number;
  lastUsed: number;
}

const idleMs = 60_000;
/** Beyond so many, each of some 50 MB, those that nobody is connected to make room: with qmail-pw2u every user of the system may own mail. */
const agentsMost = 32;
/** One that was asked for lately is about to be connected to. */
const lateMs = 1000;
const graceMs = 2000;

export class AgentPool {
  readonly #options: AgentPoolOptions;
  readonly #agents = new Map<string, Agent>();
  readonly #ending = new Set<Child>();
  readonly #timer: NodeJS.Timeout;
  #directory: string | undefined;
  #started = 0;

  constructor(options: AgentPoolOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#endIdle(), (options.idleMs ?? idleMs) / 2).unref();
  }

  /** The socket of the agent of an owner. @throws Error that says why there is none */
  async find(owner: Ids): Promise<string> {
    const key = `${owner.uid}:${owner.gid}`;
    const running = this.#agents.get(key);
    if (running === undefined && !ownsMail(this.#options.host, owner)) throw new Error('users/cdb gives it no domain');
    const agent = running ?? this.#start(key, owner);
    agent.lastUsed = performance.now();
    return agent.path;
  }

  /** Tells all agents something. */
  broadcast(message: ToChild): void {
    for (const { child } of this.#agents.values()) child.send(message);
    for (const child of this.#ending) child.send(message);
  }

  /** Ends all agents; to be called when the session workers are gone. */
  async drain(ms: number): Promise<void> {
    clearInterval(this.#timer);
    for (const [key, agent] of this.#agents) this.#end(key, agent, ms);
    await Promise.all([...this.#ending].map((child) => child.endWithin(ms + graceMs)));
    this.#removeDirectory();
  }

  /** Ends all agents at once. */
  kill(): void {
    clearInterval(this.#timer);
    for (const child of [...[...this.#agents.values()].map((agent) => agent.child), ...this.#ending]) child.kill();
    this.#removeDirectory();
  }

  #removeDirectory(): void {
    if (this.#directory !== undefined) fs.rmSync(this.#directory, { recursive: true, force: true });
  }

  #start(key: string, owner: Ids): Agent {
    const { settings, sessionOwner, log } = this.#options;
    this.#makeRoom();
    this.#directory ??= makeDirectory();
    const socket = { path: path.join(this.#directory, `${owner.uid}-${++this.#started}`), openTo: sessionOwner };
    let settle: { resolve(path: string): void; reject(error: Error): void };
    const ready = new Promise<string>((resolve, reject) => {
      settle = { resolve, reject };
    });
    const child = new Child(
      'agent',
      { type: 'begin', settings, owner, socket },
      {
        hear: (message) => {
          if (message.type === 'ready') settle.resolve(socket.path);
          if (message.type === 'busy') this.#isBusy(agent, message.connections);
          if (message.type === 'rehash') {
            this.#options.announce(message.successions);
            child.send({ type: 'rehash-told', request: message.request });
          }
          if (message.type === 'open-relay')
            answerRelayRequest(message, this.#options.openRelay, (answer) => child.send(answer));
        },
        ended: (how) => {
          settle.reject(new Error(`its process ended with ${how}`));
          if (this.#agents.get(key) === agent) {
            this.#agents.delete(key);
            log.alert(`agent ${child.pid} of uid ${owner.uid} ended with ${how}; another starts when it is needed`);
          }
          this.#ending.delete(child);
          fs.rmSync(socket.path, { force: true });
        },
      },
    );
    const agent: Agent = { child, path: ready, connections: 0, lastUsed: performance.now() };
    this.#agents.set(key, agent);
    return agent;
  }

  #isBusy(agent: Agent, connections: number): void {
    agent.connections = connections;
    agent.lastUsed = performance.now();
  }

  #endIdle(): void {
    const before = performance.now() - (this.#options.idleMs ?? idleMs);
    for (const [key, agent] of this.#agents) {
      if (agent.connections === 0 && agent.lastUsed < before) this.#end(key, agent, 0);
    }
  }

  #makeRoom(): void {
    if (this.#agents.size < agentsMost) return;
    const before = performance.now() - lateMs;
    const idle = [...this.#agents].filter(([, { connections, lastUsed }]) => connections === 0 && lastUsed < before);
    const [oldest] = idle.sort(([, a], [, b]) => a.lastUsed - b.lastUsed);
    if (oldest !== undefined) this.#end(...oldest, 0);
  }

  #end(key: string, agent: Agent, ms: number): void {
    this.#agents.delete(key);
    this.#ending.add(agent.child);
    agent.child.send({ type: 'drain', ms });
  }
}

function makeDirectory(): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'vqmail-agents-'));
  fs.chmodSync(directory, 0o711);
  return directory;
}

/** Whether this uid and gid own something of the host's mail. @throws TemporaryError or CorruptFileError when users/cdb cannot be read */
export function ownsMail(host: Host, { uid, gid }: Ids): boolean {
  if (uid === 0 || gid === 0) return false;
  const alias = host.accounts.user('alias');
  if (alias?.uid === uid && alias.gid === gid) return true;
  const file = host.layout.usersCdb;
  const found = withCdb(file, (source) => {
    for (const { data } of cdbRecords(source, file)) {
      const assignment = parseAssignmentValue(data);
      if (assignment?.uid === uid && assignment.gid === gid) return true;
    }
    return false;
  });
  return found?.value ?? false;
}
