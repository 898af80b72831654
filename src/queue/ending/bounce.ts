// The notice about recipients that have failed (formats/qmail.md 4.6): queued as a new message, from what bounce/N and the message hold, then bounce/N is removed. When that
// fails it is tried again in two minutes, so a crash between the two sends the notice twice and never not at all.

import { type Bounce, bounceFor, bounceHead, bounceMiddle } from '../../formats/queue/queue-bounce.js';
import { parseInfo } from '../../formats/queue/queue-envelope.js';
import type { QueueControls } from '../controls.js';
import type { QueueFiles } from '../files.js';
import type { QueueLog } from '../log.js';
import type { QueueClock } from '../schedule.js';
import type { QueueTree } from '../tree.js';

/** A notice on its way into the queue. */
export interface Notice {
  readonly message: AsyncIterable<Buffer>;
  readonly sender: string;
  readonly recipients: readonly string[];
}

/** Queues a notice, as qmails. @returns the number of who queued it. @throws when it could not be queued */
export type EnqueueNotice = (notice: Notice) => Promise<{ readonly qp: number }>;

export interface BounceOptions {
  readonly tree: QueueTree;
  readonly files: QueueFiles;
  readonly clock: QueueClock;
  readonly log: QueueLog;
  readonly controls: () => QueueControls;
  readonly enqueue: EnqueueNotice;
}

/** Sends the notice if there is anything to tell. @returns false when it is to be tried again later */
export async function bounceMessage(options: BounceOptions, id: string): Promise<boolean> {
  const { tree, files, log } = options;
  const warn = (text: string): false => {
    log({ event: 'warning', text });
    return false;
  };
  const file = tree.bounce(id);
  const info = readQuietly(files, tree.info(id));
  const sender = info === undefined ? undefined : parseInfo(info);
  if (sender === undefined) return warn(`trouble reading ${tree.shown(tree.info(id))}; will try again later`);
  try {
    if (files.status(file) === undefined) return true;
  } catch {
    return warn(`unable to stat ${tree.shown(file)}`);
  }
  const bounce = bounceFor(sender, options.controls());
  if (bounce === undefined) log({ event: 'triple-bounce', msg: id });
  else if (!(await send(options, id, bounce))) return warn('trouble injecting bounce message, will try later');
  try {
    files.unlink(file);
    return true;
  } catch {
    return warn(`unable to unlink ${tree.shown(file)}`);
  }
}

async function send(options: BounceOptions, id: string, bounce: Bounce): Promise<boolean> {
  const { enqueue, log } = options;
  try {
    const message = noticeOf(options, id, bounce);
    const { qp } = await enqueue({ message, sender: bounce.sender, recipients: [bounce.recipient] });
    log({ event: 'bounce', msg: id, qp });
    return true;
  } catch {
    return false;
  }
}

async function* noticeOf(options: BounceOptions, id: string, bounce: Bounce): AsyncGenerator<Buffer> {
  const { tree, files, clock, controls } = options;
  yield bounceHead(bounce, controls(), clock.now());
  yield* files.chunks(tree.bounce(id));
  yield bounceMiddle(bounce);
  yield* files.chunks(tree.mess(id));
}

function readQuietly(files: QueueFiles, file: string): Buffer | undefined {
  try {
    return files.read(file);
  } catch {
    return undefined;
  }
}
