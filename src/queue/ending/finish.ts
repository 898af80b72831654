// The end of a message: no channel has recipients of it any more (formats/qmail.md 4.6).
//
//   bounce/N is there      the notice is queued, bounce/N removed
//   log `end msg`, info/S/N removed
//   intd/N and mess/S/N removed: the number is free
//
// What a crash leaves between the steps is finished at the next start: info/S/N without recipients is found then, and a message without info is a leftover.

import type { QueueFiles } from '../files.js';
import { channelNames } from '../tree.js';
import { type BounceOptions, bounceMessage } from './bounce.js';

/** Ends a message. @returns false when it is to be tried again later */
export async function finishMessage(options: BounceOptions, id: string): Promise<boolean> {
  const { tree, files, log } = options;
  const warn = (text: string): false => {
    log({ event: 'warning', text });
    return false;
  };
  // Recipients or a new envelope: then the message is not at its end, and somebody else has it.
  for (const file of [...channelNames.map((channel) => tree.channel(channel, id)), tree.todo(id)]) {
    const found = isThere(files, file);
    if (found === undefined) return warn(`unable to stat ${tree.shown(file)}; will try again later`);
    if (found) return true;
  }
  const info = isThere(files, tree.info(id));
  if (info === undefined) return warn(`unable to stat ${tree.shown(tree.info(id))}; will try again later`);
  if (!info) return true;
  if (!(await bounceMessage(options, id))) return false;
  log({ event: 'end', msg: id });
  try {
    await files.remove(tree.info(id));
  } catch {
    return warn(`unable to unlink ${tree.shown(tree.info(id))}; will try again later`);
  }
  if (!(await removeMessage(options, id))) warn(`qmail-clean unable to clean up foop/${id}`);
  return true;
}

/** Removes what is left of a number: its half envelope and its message. @returns whether that was possible */
export async function removeMessage(
  { tree, files }: Pick<BounceOptions, 'tree' | 'files'>,
  id: string,
): Promise<boolean> {
  try {
    await files.remove(tree.intd(id));
    await files.remove(tree.mess(id));
    return true;
  } catch {
    return false;
  }
}

function isThere(files: QueueFiles, file: string): boolean | undefined {
  try {
    return files.status(file) !== undefined;
  } catch {
    return undefined;
  }
}
