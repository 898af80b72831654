// Writers are killed with SIGKILL at 200 random moments under load. Every acknowledged message is in each of its mailboxes exactly once, whole; whatever else is in new/
// is whole too; what is left in tmp/ harms nobody.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Layout } from '../../src/layout.js';
import { maildirOf, makeDeliveryHost, newMessages } from '../support/delivery-host.js';
import { bodyOf } from '../support/delivery-writer.js';
import { newRoot, removeRoot } from '../support/recording.js';

const kills = 200;
const atOnce = 4;
const accounts = 8;

const writer = fileURLToPath(new URL(`../support/delivery-writer${path.extname(import.meta.url)}`, import.meta.url));

/** Starts a writer, kills it a random while after its first acknowledgement, and gives the lines it wrote. */
async function writeAndBeKilled(root: string, label: string): Promise<string[]> {
  const args = [...process.execArgv.filter(isLoader), writer, '--deliver', root, String(accounts), '16', label];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
  let output = '';
  child.stdout.setEncoding('latin1').on('data', (text: string) => {
    if (output === '') setTimeout(() => child.kill('SIGKILL'), Math.random() * 60);
    output += text;
  });
  const [, signal] = await once(child, 'close');
  assert.equal(signal, 'SIGKILL', `the writer ended by itself: ${output.slice(-200)}`);
  return output.split('\n').slice(0, -1);
}

/** How this process was made to read TypeScript, when it was. */
function isLoader(argument: string, index: number, all: readonly string[]): boolean {
  return argument.startsWith('--import') || all[index - 1] === '--import';
}

/** Checks the mailboxes against the acknowledgements, and empties them. */
function check(layout: Layout, acknowledged: readonly string[]): void {
  const missing = new Set(
    acknowledged.flatMap((line) => {
      const [id, ...chosen] = line.split(' ');
      return chosen.map((account) => `${id} ${account}`);
    }),
  );
  const seen = new Set<string>();
  for (let account = 0; account < accounts; account++) {
    const maildir = maildirOf(layout, account);
    for (const [name, content] of newMessages(maildir)) {
      const id = /\nSubject: (\S+)\n/.exec(content)?.[1] ?? '';
      const key = `${id} ${account}`;
      assert.ok(!seen.has(key), `${key} is there twice`);
      seen.add(key);
      missing.delete(key);
      const head = `Return-Path: <a@example.org>\nDelivered-To: u${account}@example.jp\nReceived: x\n`;
      assert.ok(content === head + bodyOf(id).toString('latin1'), `${key} in ${name} is not whole`);
      assert.ok(name.endsWith(`,S=${content.length}`), name);
      fs.unlinkSync(path.join(maildir, 'new', name));
    }
    for (const name of fs.readdirSync(path.join(maildir, 'tmp'))) fs.unlinkSync(path.join(maildir, 'tmp', name));
  }
  assert.deepEqual([...missing], [], 'acknowledged and not there');
}

test(`killed ${kills} times`, async () => {
  const roots = Array.from({ length: atOnce }, () => newRoot());
  try {
    let left = kills;
    let messages = 0;
    const lane = async (root: string, number: number): Promise<void> => {
      const layout = makeDeliveryHost(root, { accounts });
      while (left-- > 0) {
        const lines = await writeAndBeKilled(root, `k${number}-${left}`);
        messages += lines.length;
        check(layout, lines);
      }
    };
    await Promise.all(roots.map(lane));
    assert.ok(messages > kills, `only ${messages} messages were acknowledged`);
  } finally {
    roots.forEach(removeRoot);
  }
});
