// qmail-qstat: counts the messages in the queue, as the original:
//
//   messages in queue: 6
//   messages in queue but not yet preprocessed: 2

import { QueueFiles } from '../../queue/files.js';
import { countQueue, type QueueTotals } from '../../queue/listing.js';
import { QueueTree } from '../../queue/tree.js';
import { runTool, ToolFailure, type ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export function qmailQstat(_args: string[], io: ToolIo): Promise<number> {
  return runTool('qmail-qstat: fatal: ', io, async () => {
    const files = new QueueFiles();
    const tree = await QueueTree.open(io.layout, files);
    if (tree === undefined) throw new ToolFailure(111, `there is no queue in ${io.layout.host(io.layout.queue)}`);
    io.stdout(totalLines(await countQueue(tree, files)));
    return 0;
  });
}

/** What it says. */
export function totalLines({ messages, notPreprocessed }: QueueTotals): string {
  return `messages in queue: ${messages}\nmessages in queue but not yet preprocessed: ${notPreprocessed}\n`;
}
