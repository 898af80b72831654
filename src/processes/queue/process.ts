// The queue process: a child of the supervisor that stays root, because deliveries need other uids; each of them runs in a child of its own that has nothing of root left.
// It reads no byte of any connection.
//
// Its signals are those of qmail-send, and come from people and tools that look for that name:
//
//   SIGHUP      locals and virtualdomains are read again
//   SIGALRM     everything in the queue is due now
//   SIGTERM     running deliveries end, however long they take; then it exits, and the supervisor starts another one
//
// A stop of the whole service comes from the supervisor, with a time limit; sessions go on meanwhile, and their messages are taken until it says that they have ended. A defect ends the process in the same way: what is on the disk is always whole.

import { describe } from '../../errors.js';
import { standardErrorLog as log } from '../../log.js';
import { AgentRequests } from '../agents/agent-requests.js';
import { Agents } from '../agents/agents.js';
import type { ToChild } from '../messages.js';
import { tellSupervisor } from '../supervised.js';
import { openQueue, type QueueService } from './service.js';

const orphanMs = 5000;

export function runQueueProcess(): void {
  const agents = new AgentRequests();
  let queue: QueueService | undefined;
  let isEnding = false;
  let tellSessionsEnded = (): void => {};

  const end = (withinMs: number, sessionsEnded?: Promise<void>): void => {
    if (isEnding) return;
    isEnding = true;
    const exit = (): never => process.exit(0);
    (queue?.stop(withinMs, sessionsEnded) ?? Promise.resolve()).then(exit, exit);
  };
  const begin = async (settings: Parameters<typeof openQueue>[0]): Promise<void> => {
    process.chdir('/');
    try {
      queue = await openQueue(settings, log, new Agents(0, (owner) => agents.ask(owner)));
      tellSupervisor({ type: 'queue', mode: queue.mode });
    } catch (error) {
      tellSupervisor({ type: 'queue-refused', text: describe(error) });
      setTimeout(() => process.exit(1), 100);
    }
  };

  process.on('message', (message: ToChild) => {
    if (message.type === 'begin') void begin(message.settings);
    else if (message.type === 'agent') agents.answer(message);
    else if (message.type === 'drain') {
      const sessionsEnded = new Promise<void>((resolve) => {
        tellSessionsEnded = resolve;
      });
      end(message.ms, sessionsEnded);
    } else if (message.type === 'sessions-ended') tellSessionsEnded();
    else if (message.type === 'reread') queue?.reread();
    else if (message.type === 'run-queue') queue?.runAll();
  });
  process.on('disconnect', () => {
    tellSessionsEnded();
    end(orphanMs);
  });
  process.on('SIGTERM', () => {
    tellSupervisor({ type: 'leaving' });
    end(Number.POSITIVE_INFINITY);
  });
  process.on('SIGHUP', () => queue?.reread());
  process.on('SIGALRM', () => queue?.runAll());
  process.on('SIGINT', () => {});
  const defect = (error: unknown): void => {
    log.alert(`a defect, please report it: ${error instanceof Error ? error.stack : String(error)}`);
    end(orphanMs);
  };
  process.on('uncaughtException', defect).on('unhandledRejection', defect);
}
