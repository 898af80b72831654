// The program of a child: `node child-main.js session|agent|watcher|queue`, started by the supervisor with a channel. Everything that it needs is loaded here, while it is still
// root; then it becomes its owner (processes/ownership.ts) and stays that. Only the queue process stays root.

import { outliveLogReader } from '../log.js';

const role = process.argv[2];
process.title = `vqmail: ${role}`;
outliveLogReader();
if (role === 'agent') (await import('./agents/agent-process.js')).runAgent();
else if (role === 'watcher') (await import('./watcher/watcher-process.js')).runWatcher();
else if (role === 'queue') (await import('./queue/process.js')).runQueueProcess();
else (await import('./session-process.js')).runSessionWorker();
