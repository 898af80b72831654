// The processes of `vqmail serve` with a queue process that is killed again and again: `queue-killer ROOT NAME KILLS`, as root, on a host that test/processes/served-queue has made. Session
// workers, agents and queue processes are the real ones; this program takes the supervisor's place for the queue process alone, since that would wait a second before it starts another.
//
// All the time messages come in (test/support/queue-load). After the last kill the queue is worked on until nothing is left. Standard output gets one JSON line: what was acknowledged, and what
// the host at the other end got. Standard error gets the log of all processes, with a line for each kill.

import { writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Layout } from '../../src/layout.js';
import { standardErrorLog as log } from '../../src/log.js';
import { bindListeners } from '../../src/net/shared-listener.js';
import { answerAgentRequest } from '../../src/processes/agents/agent-requests.js';
import { Child } from '../../src/processes/child.js';
import type { Ids } from '../../src/processes/ownership.js';
import { PlaceKeeper } from '../../src/processes/places/keeper.js';
import { Supervisor } from '../../src/processes/supervisor.js';
import { parseSettings, type ServedAddress } from '../../src/settings.js';
import { openHost } from '../../src/stores/host.js';
import { QueueLoad } from './queue-load.js';
import { isQueueEmpty } from './queue-reader.js';
import { startSink } from './smtp-sink.js';

const [root = '', name = '', killsWanted = '0'] = process.argv.slice(2);
const host = openHost(new Layout({ root }), log);
const settings = parseSettings(
  { root },
  { listen: ['smtp=127.0.0.1:0'], queue: 'instead', workers: '1', watch: 'off' },
  true,
);
const listeners = await bindListeners(settings.listen);
const supervisor = new Supervisor(settings, host, log, {
  descriptors: listeners.map(({ descriptor }) => descriptor),
  places: new PlaceKeeper({ limits: settings.limits, log, isExempt: () => true }),
});
const findAgent = (owner: Ids): Promise<string> => supervisor.findAgent(owner);

/** Starts a queue process. @param begun is called when it works */
function startQueue(begun: () => void): { child: Child; ended: Promise<void> } {
  let tellEnded = (): void => {};
  const ended = new Promise<void>((resolve) => {
    tellEnded = resolve;
  });
  const child: Child = new Child(
    'queue',
    { type: 'begin', settings, owner: { uid: 0, gid: 0 } },
    {
      hear(message) {
        if (message.type === 'queue') begun();
        if (message.type === 'need-agent')
          void answerAgentRequest(message, { findAgent, log }, (answer) => child.send(answer));
      },
      ended: () => tellEnded(),
    },
  );
  return { child, ended };
}

/** Lets a queue process work for some time and kills it. */
async function killOnce(): Promise<void> {
  let tellBegun = (): void => {};
  const begun = new Promise<void>((resolve) => {
    tellBegun = resolve;
  });
  const { child, ended } = startQueue(tellBegun);
  await begun;
  await pause(Math.random() * 250);
  child.kill();
  await ended;
  process.stderr.write(`killer: killed ${child.pid}\n`);
}

/** Works on the queue until nothing is left that anybody was told is queued. */
async function finish(): Promise<void> {
  const { child, ended } = startQueue(() => {});
  // What was put off, and what has found no agent, would wait for minutes.
  const timer = setInterval(() => child.send({ type: 'run-queue' }), 500);
  const isEmpty = (): boolean => isQueueEmpty(host.layout.queue);
  for (let quiet = 0; quiet < 5; await pause(100)) quiet = isEmpty() ? quiet + 1 : 0;
  clearInterval(timer);
  child.send({ type: 'drain', ms: 5000 });
  child.send({ type: 'sessions-ended' });
  await ended;
}

const sink = await startSink();
writeFileSync(host.layout.control('smtproutes'), `:127.0.0.1:${sink.port}\n`);
await supervisor.start();
await supervisor.listen(listeners.map(({ address }) => address as ServedAddress));
const [listener] = listeners;
const at = listener?.address.at;
const port = at !== undefined && 'port' in at ? at.port : 0;
const load = new QueueLoad(root, name, () => port);
for (let kills = 0; kills < Number(killsWanted); kills++) await killOnce();
await load.stop();
await finish();
listener?.close();
await supervisor.drain(0);
process.stdout.write(`${JSON.stringify({ acknowledged: load.acknowledged, sent: sink.messages() })}\n`);
await sink.stop();
process.exit(0);
