// How `vqmail queue list` and `show` tell messages, for people and as JSON.
//
//   #5488881  24 Nov 2026 02:35:18 -0000  162 bytes  from <hanako@mailtest.example.jp>  bouncing
//     done    local   mailtest.example.jp-nobody@mailtest.example.jp
//     left    local   mailtest.example.jp-later@mailtest.example.jp   next try 24 Nov 2026 02:36:58 -0000

import { qmailDate } from '../../../mail/dates.js';
import type { ListedMessage } from '../../../queue/listing.js';
import { isHeld } from '../../../queue/schedule.js';
import type { ChannelName } from '../../../queue/tree.js';

/** When each channel of a message is tried next. */
export type NextTries = ReadonlyMap<ChannelName, number>;

/** The lines of one message. @param next undefined: only whoever works on the queue knows */
export function messageText(message: ListedMessage, next: NextTries | undefined): string {
  const { id, birthSeconds, sizeBytes, sender, recipients, isBouncing } = message;
  const state = [
    message.isPreprocessed ? '' : 'new',
    message.isHeld ? 'held' : '',
    isBouncing ? 'bouncing' : '',
  ].filter((word) => word !== '');
  const head = `#${id}  ${qmailDate(birthSeconds)}  ${sizeBytes} bytes  from <${shown(sender)}>`;
  const lines = recipients.map(({ channel, address, isDone }) => {
    const seconds = channel === undefined ? undefined : next?.get(channel);
    const when = seconds === undefined || isDone || isHeld(seconds) ? '' : `   next try ${qmailDate(seconds)}`;
    return `  ${isDone ? 'done' : 'left'}    ${(channel ?? '').padEnd(6)}  ${shown(address)}${when}\n`;
  });
  return `${[head, ...state].join('  ')}\n${lines.join('')}`;
}

/** The same as plain data, for JSON. */
export function messageData(message: ListedMessage, next: NextTries | undefined): object {
  const { id, isPreprocessed, birthSeconds, sizeBytes, sender, recipients, isBouncing } = message;
  return {
    id,
    state: message.isHeld ? 'held' : isPreprocessed ? 'queued' : 'new',
    queued: new Date(birthSeconds * 1000).toISOString(),
    bytes: sizeBytes,
    from: readable(sender),
    bouncing: isBouncing,
    recipients: recipients.map(({ channel, address, isDone }) => {
      const seconds = channel === undefined ? undefined : next?.get(channel);
      const isTold = seconds !== undefined && !isDone && !isHeld(seconds);
      return {
        ...(channel !== undefined && { channel }),
        to: readable(address),
        done: isDone,
        ...(isTold && { next: new Date(seconds * 1000).toISOString() }),
      };
    }),
  };
}

/** Bytes as people read them: UTF-8 where they are that, else Latin-1. */
export function readable(text: string): string {
  const decoded = Buffer.from(text, 'latin1').toString();
  return decoded.includes('\ufffd') ? text : decoded;
}

function shown(text: string): string {
  return text.replace(/[\x00-\x1f\x7f]/g, '?');
}
