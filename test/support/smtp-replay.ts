// Sends a recorded session to a server of ours, byte for byte, and says which replies are not the recorded ones.

import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { applyChanged, bytesOf, maskVolatile, type SessionEvent, type Step } from './recording.js';
import { SmtpClient } from './smtp-client.js';

/** A reply that is not the recorded one. Texts are masked. */
export interface ReplyDifference {
  /** What the client had sent. */
  readonly command: string;
  readonly recorded: string;
  readonly ours: string;
}

/** EHLO has more keywords than qmail-smtpd's; everything else is said as it was. */
function expected(recorded: string): string {
  return recorded.replace(
    /\r\n250 8BITMIME$/,
    '\r\n250-8BITMIME\r\n250-SIZE <n>\r\n250-ENHANCEDSTATUSCODES\r\n250 SMTPUTF8',
  );
}

/** Splits what a server said at once into replies, a multi-line reply being one. */
export function splitReplies(said: string): string[] {
  const replies = said.match(/(?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*)?\n/g) ?? [];
  return replies.map((reply) => reply.replace(/\r\n$/, ''));
}

/**
 * Runs the events of one step against the server at `port`. Where ours does not say `354` and the recorded one did, the message is not sent, as no client
 * would, and what was said to it is not compared.
 */
export async function replayEvents(port: number, step: Step): Promise<ReplyDifference[]> {
  const client = await SmtpClient.connect(port, step.from);
  const differences: ReplyDifference[] = [];
  let command = '(connection)';
  let skipsMessage = false;
  try {
    for (const event of step.events ?? []) {
      if (event.client !== undefined) {
        const isMessage = differences.at(-1)?.recorded.startsWith('354') === true && command === 'DATA\r\n';
        skipsMessage = isMessage && !skipsMessage;
        command = bytesOf(event.client).toString('latin1');
      }
      if (!skipsMessage) differences.push(...(await replayEvent(client, event, command)));
    }
  } finally {
    client.destroy();
  }
  return differences;
}

async function replayEvent(client: SmtpClient, event: SessionEvent, command: string): Promise<ReplyDifference[]> {
  if (event.client !== undefined) client.send(bytesOf(event.client));
  if (event.closed_by === 'client') event.how === 'reset' ? client.reset() : client.halfClose();
  if (event.wait_ms !== undefined) await sleep(event.wait_ms);
  if (event.closed_by === 'server') {
    const rest = await client.closed();
    return rest === '' ? [] : [{ command, recorded: '(closed)', ours: rest }];
  }
  const differences: ReplyDifference[] = [];
  for (const reply of splitReplies(bytesOf(event.server).toString('latin1'))) {
    const recorded = maskVolatile(expected(reply));
    const ours = maskVolatile((await client.reply()) ?? '(closed)').replace(/-SIZE \d+/, '-SIZE <n>');
    if (recorded !== ours) differences.push({ command, recorded, ours });
  }
  return differences;
}

/**
 * Puts in place what a step that is not a session did to the host. Root can read a file of mode 0000, so where the recording took the mode away a
 * directory stands instead, which nobody can read as a file.
 */
export function applyHostStep(step: Step, root: string): void {
  applyChanged(step, root);
  for (const [hostPath, entry] of Object.entries(step.changed ?? {})) {
    if (entry?.mode !== '0000') continue;
    rmSync(path.join(root, hostPath));
    mkdirSync(path.join(root, hostPath));
  }
}
