// The queue as qmail-qread and qmail-qstat show it: read without a lock, from the files alone.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

export interface ShownMessage {
  readonly id: string;
  readonly birthSeconds: number;
  readonly sizeBytes: number;
  readonly sender: string;
  readonly isBouncing: boolean;
  /** `  done TAB local TAB address`, as qmail-qread prints them. */
  readonly recipients: readonly string[];
}

/** qmail-qread: messages that are preprocessed. */
export function readQueue(queue: string): ShownMessage[] {
  const messages: ShownMessage[] = [];
  for (const [place, id] of numbersIn(path.join(queue, 'info'))) {
    const info = path.join(queue, 'info', place, id);
    const record = readFileSync(info, 'latin1').split('\0')[0] ?? '';
    const mess = path.join(queue, 'mess', place, id);
    if (!record.startsWith('F') || !existsSync(mess)) continue;
    messages.push({
      id,
      birthSeconds: Math.floor(statSync(info).mtimeMs / 1000),
      sizeBytes: statSync(mess).size,
      sender: record.slice(1),
      isBouncing: existsSync(path.join(queue, 'bounce', id)),
      recipients: ['local', 'remote'].flatMap((channel) => recipientsOf(path.join(queue, channel, place, id), channel)),
    });
  }
  return messages;
}

/** qmail-qstat: messages in all, and those not yet preprocessed. */
export function countQueue(queue: string): { readonly all: number; readonly todo: number } {
  return { all: [...numbersIn(path.join(queue, 'mess'))].length, todo: todoIn(queue).length };
}

/** Whether nothing is left to be done. What was interrupted before it was queued may lie there: it is removed after 36 hours. */
export function isQueueEmpty(queue: string): boolean {
  const directories = ['info', 'local', 'remote'].map((name) => path.join(queue, name));
  return todoIn(queue).length === 0 && directories.every((directory) => [...numbersIn(directory)].length === 0);
}

/** The numbers in todo/, with and without the big-todo patch. */
export function todoIn(queue: string): string[] {
  return readdirSync(path.join(queue, 'todo'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /^\d+$/.test(entry.name))
    .map((entry) => entry.name);
}

function* numbersIn(directory: string): Generator<[string, string]> {
  for (const place of readdirSync(directory))
    for (const id of readdirSync(path.join(directory, place))) if (/^\d+$/.test(id)) yield [place, id];
}

function recipientsOf(file: string, channel: string): string[] {
  if (!existsSync(file)) return [];
  const records = readFileSync(file, 'latin1').split('\0').slice(0, -1);
  return records.map((record) => `${record.startsWith('D') ? '  done' : ''}\t${channel}\t${record.slice(1)}`);
}
