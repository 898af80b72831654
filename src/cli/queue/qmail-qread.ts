// qmail-qread: lists the messages that are preprocessed, as the original (formats/qmail.md 8.4):
//
//   24 Nov 2026 02:35:18 GMT  #5488881  162  <hanako@mailtest.example.jp>  bouncing
//     done  local  mailtest.example.jp-nobody@mailtest.example.jp          (a TAB before `local` and the address)
//           local  mailtest.example.jp-later@mailtest.example.jp

import { qmailDate } from '../../mail/dates.js';
import { systemErrorText } from '../../mail/system-errors.js';
import { QueueFiles } from '../../queue/files.js';
import { type ListedMessage, listQueue } from '../../queue/listing.js';
import { QueueTree } from '../../queue/tree.js';
import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function qmailQread(_args: string[], io: ToolIo): Promise<number> {
  const files = new QueueFiles();
  try {
    const tree = await QueueTree.open(io.layout, files);
    if (tree === undefined) throw Object.assign(new Error('no queue'), { code: 'ENOENT' });
    const trouble = (id: string, error: unknown): void =>
      io.stdout(`warning: trouble with #${id}: ${systemErrorText(error)}\n`);
    for await (const message of listQueue(tree, files, trouble)) {
      if (!message.isPreprocessed) continue;
      io.stdout(readerLines(message));
      await io.flushed();
    }
    return 0;
  } catch (error) {
    io.stdout(`fatal: unable to chdir: ${systemErrorText(innermost(error))}\n`);
    return 111;
  }
}

/** The lines of one message. */
function readerLines({ id, birthSeconds, sizeBytes, sender, isBouncing, recipients }: ListedMessage): string {
  const date = qmailDate(birthSeconds).slice(0, -6);
  const head = shown(`${date} GMT  #${id}  ${sizeBytes}  <${sender}> ${isBouncing ? ' bouncing' : ''}`);
  const lines = recipients.map(
    ({ channel, address, isDone }) => `${isDone ? '  done' : ''}\t${channel}\t${shown(address)}`,
  );
  return [head, ...lines, ''].join('\n');
}

function shown(text: string): string {
  return text.replace(/[^ -~]/g, '_');
}

function innermost(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? innermost(error.cause) : error;
}
