// What the spawners refuse before a delivery begins: spawn.c's texts.

import assert from 'node:assert/strict';
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { DeliveryReport } from '../../src/delivery/report.js';
import { spawning } from '../../src/delivery/spawner.js';
import { newRoot, removeRoot } from '../support/recording.js';

type Reports = Record<number, DeliveryReport>;

/** What is reported of a message for two recipients, the second of which has no host name. @param isOurs whether its owner is the one that is asked for */
async function reportsOf(prepare: (file: string) => void, isOurs?: boolean): Promise<Reports> {
  const root = newRoot();
  try {
    const file = path.join(root, '5');
    prepare(file);
    const { uid } = statSync(root);
    const reports: Reports = {};
    const channel = spawning(
      {
        deliver: async ({ recipients }, report) => {
          for (const index of recipients.keys()) report(index, { outcome: 'success', text: '' });
        },
        close: async () => {},
      },
      isOurs === undefined ? undefined : isOurs ? uid : uid + 1,
    );
    const message = { id: '5', path: file, sizeBytes: 0, birthSeconds: 0 };
    await channel.deliver({ message, sender: '', recipients: ['a@local.example', 'b'] }, (index, report) => {
      reports[index] = report;
    });
    return reports;
  } finally {
    removeRoot(root);
  }
}

const write = (file: string): void => writeFileSync(file, 'Subject: x\n\n');
const taken: Reports = { 0: { outcome: 'success', text: '' }, 1: { outcome: 'success', text: '' } };
const putOff = (text: string): Reports => ({
  0: { outcome: 'deferral', text },
  1: { outcome: 'failure', text: 'Sorry, address must include host name. (#5.1.3)\n' },
});

test("a message is delivered when it is qmailq's", async () => {
  assert.deepEqual(await reportsOf(write, true), taken);
});

test('where no owner is asked for, it is delivered whoever owns it', async () => {
  assert.deepEqual(await reportsOf(write), taken);
});

test("somebody else's message is put off", async () => {
  assert.deepEqual(await reportsOf(write, false), putOff('Sorry, message has wrong owner. (#4.3.5)\n'));
});

test('a message that is missing is put off', async () => {
  const missing = (file: string): void => rmSync(file, { force: true });
  assert.deepEqual(await reportsOf(missing, true), putOff('qmail-spawn unable to open message. (#4.3.0)\n'));
});

test('a directory in the place of a message is put off', async () => {
  const directory = (file: string): void => mkdirSync(file);
  assert.deepEqual(await reportsOf(directory, true), putOff('Sorry, message has wrong type. (#4.3.5)\n'));
});
