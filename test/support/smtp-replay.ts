// Sends a recorded session to a server of ours, byte for byte, and says which replies are not the recorded ones.

import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { applyChanged, bytesOf, maskVolatile, type SessionEvent, type Step } from './recording.js';
import { SmtpClient } from './smtp-client.js';

/** The reply that is expected in the place of a recorded one: a text (masked as `maskVolatile` does), or undefined where the session is given up on purpose. */
export type Expectation = (recorded: string, command: string) => string;

/** EHLO has more keywords than qmail-smtpd's; everything else is said as it was. */
export function expectRecorded(recorded: string): string {
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

/** Runs the events of one step against the server at `port`. Gives one line for each difference. */
export async function replayEvents(
  port: number,
  step: Step,
  expected: Expectation = expectRecorded,
): Promise<string[]> {
  const client = await SmtpClient.connect(port, step.from);
  const differences: string[] = [];
  let said = '';
  try {
    for (const event of step.events ?? []) {
      said = event.client === undefined ? said : bytesOf(event.client).toString('latin1');
      differences.push(...(await replayEvent(client, event, (reply) => expected(reply, said))));
    }
  } finally {
    client.destroy();
  }
  return differences;
}

async function replayEvent(
  client: SmtpClient,
  event: SessionEvent,
  expected: (recorded: string) => string,
): Promise<string[]> {
  if (event.client !== undefined) client.send(bytesOf(event.client));
  if (event.closed_by === 'client') event.how === 'reset' ? client.reset() : client.halfClose();
  if (event.wait_ms !== undefined) await sleep(event.wait_ms);
  if (event.closed_by === 'server') {
    const rest = await client.closed();
    return rest === '' ? [] : [`before it closed, the server said ${JSON.stringify(rest)}`];
  }
  const differences: string[] = [];
  for (const recorded of splitReplies(bytesOf(event.server).toString('latin1'))) {
    const want = maskVolatile(expected(recorded));
    const got = maskVolatile((await client.reply()) ?? '(closed)').replace(/-SIZE \d+/, '-SIZE <n>');
    if (want !== got) differences.push(`recorded ${JSON.stringify(want)}\n  ours     ${JSON.stringify(got)}`);
  }
  return differences;
}

/**
 * Puts in place what a step that is not a session did to the host. Root can read a file of mode 0000, so where the recording took the mode away a
 * directory stands instead, which nobody can read as a file.
 */
export function applyHostStep(step: Step, root: string): void {
  applyChanged(step, root);
  if (process.getuid?.() !== 0) return;
  for (const [hostPath, entry] of Object.entries(step.changed ?? {})) {
    if (entry?.mode !== '0000') continue;
    rmSync(path.join(root, hostPath));
    mkdirSync(path.join(root, hostPath));
  }
}
