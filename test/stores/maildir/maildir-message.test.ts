// Names and files of messages on their way into a Maildir.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { MessageFile } from '../../../src/stores/maildir/maildir-message.js';
import { maildirOf, mailOwner, makeDeliveryHost, newMessages, temporaryFiles } from '../../support/delivery-host.js';
import { newRoot, removeRoot } from '../../support/recording.js';

function maildir(t: TestContext): string {
  const root = newRoot();
  t.after(() => removeRoot(root));
  return maildirOf(makeDeliveryHost(root, { accounts: 1 }), 0);
}

test('a message is not seen before it is moved, and then under its size', async (t) => {
  const directory = maildir(t);
  const message = MessageFile.create(directory, mailOwner);
  message.write([Buffer.from('one'), Buffer.alloc(0), Buffer.from('two')]);
  await message.writeLater([Buffer.from('three')]);
  assert.equal((await message.read(2, 100)).toString(), 'etwothree');
  await message.sync();
  assert.equal(newMessages(directory).size, 0);
  message.move('with-size');
  await message.syncEntry();
  const [[name, content] = ['', '']] = newMessages(directory);
  assert.equal(content, 'onetwothree');
  assert.match(name, /,S=11$/);
  assert.deepEqual(temporaryFiles(directory), []);
});

test('a link in tmp/ under our name is not followed', async (t) => {
  const directory = maildir(t);
  const target = path.join(directory, 'victim');
  fs.writeFileSync(target, 'kept');
  const { openSync } = fs;
  let planted = false;
  t.mock.method(fs, 'openSync', (file: string, ...rest: [number, number]) => {
    if (!planted) fs.symlinkSync(target, file);
    planted = true;
    return openSync(file, ...rest);
  });
  const message = MessageFile.create(directory, mailOwner);
  message.write([Buffer.from('mail')]);
  message.discard();
  assert.equal(fs.readFileSync(target, 'latin1'), 'kept');
});

test('discard at any time leaves nothing, and says whether the message could be taken back', async (t) => {
  const directory = maildir(t);
  const steps: ((message: MessageFile) => Promise<void> | void)[] = [
    (message) => message.write([Buffer.from('x')]),
    (message) => message.sync(),
    (message) => message.move('plain'),
  ];
  for (let reached = 0; reached <= steps.length; reached++) {
    const message = MessageFile.create(directory, mailOwner);
    for (const step of steps.slice(0, reached)) await step(message);
    assert.equal(message.discard(), true);
    assert.deepEqual([...temporaryFiles(directory), ...newMessages(directory).keys()], []);
  }
  const read = MessageFile.create(directory, mailOwner);
  await read.sync();
  read.move('plain');
  const [name = ''] = newMessages(directory).keys();
  fs.renameSync(path.join(directory, 'new', name), path.join(directory, 'cur', `${name}:2,S`));
  assert.equal(read.discard(), false);
});

test('eight processes at once into one Maildir: every name is its own', async (t) => {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const directory = maildirOf(makeDeliveryHost(root, { accounts: 1 }), 0);
  const extension = path.extname(import.meta.url);
  const writer = fileURLToPath(new URL(`../../support/delivery-writer${extension}`, import.meta.url));
  const loader = process.execArgv.filter(
    (argument, index, all) => argument.startsWith('--import') || all[index - 1] === '--import',
  );
  const each = 60;
  const writers = Array.from({ length: 8 }, (_, number) => {
    // Messages for two or three "different" accounts all go to the only one.
    const args = [...loader, writer, '--deliver', root, '1', '20', `p${number}`, String(each)];
    return spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    });
  });
  const outputs = await Promise.all(
    writers.map(async (child) => {
      let output = '';
      child.stdout.setEncoding('latin1').on('data', (text: string) => {
        output += text;
      });
      const [status] = await once(child, 'close');
      assert.equal(status, 0);
      return output;
    }),
  );
  const copies = outputs
    .join('')
    .split('\n')
    .filter((line) => line !== '')
    .reduce((sum, line) => sum + line.split(' ').length - 1, 0);
  assert.ok(copies > 8 * each);
  assert.equal(fs.readdirSync(path.join(directory, 'new')).length, copies);
  assert.deepEqual(temporaryFiles(directory), []);
});
