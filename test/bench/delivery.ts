// The delivery layer by itself: resolve, accept, write, commit, without a network.
//
//   node --import tsx test/bench/delivery.ts [--seconds S] [--rounds N] [--dir DIRECTORY] [--sizes BYTES,BYTES] [--calls]      (UV_THREADPOOL_SIZE=16)
//
// Prints messages a second and processor time of this process for each message (a message for ten recipients is one), beside what the disk can do with the
// plainest code: create, write, fsync, close, rename, fsync of the directory, 16 at once, as many files as the message has recipients. Rounds alternate and
// medians are shown, since machines are noisy; the share is taken within a round.
// --calls compares ways to call the system for one small message: all but fsync at once (as src/ does), links and renames off the event loop, all off it.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { createDelivery } from '../../src/delivery/local-delivery.js';
import { syncDirectory } from '../../src/files/sync.js';
import { openHost } from '../../src/stores/host.js';
import { maildirOf, mailOwner, makeDeliveryHost } from '../support/delivery-host.js';
import { figure, median, percent, table } from './measure/table.js';

const accounts = 200;
const receivedLines =
  'Received: (qmail 43 invoked from network); 24 Nov 2026 02:29:14 -0000\n' +
  'Received: from unknown (HELO me) (127.0.0.1)\n  by 0 with SMTP; 24 Nov 2026 02:29:14 -0000\n';

/** Does one unit of work; the number counts up. */
type Work = (number: number) => Promise<void>;

interface Rate {
  readonly perSecond: number;
  readonly cpuMs: number;
}

async function measure(work: Work, atOnce: number, seconds: number): Promise<Rate> {
  let done = 0;
  let number = Math.floor(Math.random() * accounts);
  const before = process.cpuUsage();
  const start = performance.now();
  const end = start + seconds * 1000;
  const worker = async (): Promise<void> => {
    while (performance.now() < end) {
      await work(number++);
      done++;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  const { user, system } = process.cpuUsage(before);
  return { perSecond: (done * 1000) / (performance.now() - start), cpuMs: (user + system) / 1000 / done };
}

function deliveryWork(root: string, bytes: number, recipients: number): Work {
  const layout = makeDeliveryHost(root, { accounts });
  const delivery = createDelivery(openHost(layout));
  const body = Buffer.from(
    `Subject: bench\n\n${'0123456789abcdef0123456789abcde\n'.repeat(Math.ceil(bytes / 32))}`,
  ).subarray(0, bytes);
  return async (number) => {
    const resolutions = [];
    for (let index = 0; index < recipients; index++) {
      resolutions.push(await delivery.resolve(`u${(number * recipients + index) % accounts}@example.jp`));
    }
    const message = delivery.accept({ sender: 'a@example.org', recipients: resolutions, receivedLines });
    for (let at = 0; at < body.length; at += 65536) await message.write(Buffer.from(body.subarray(at, at + 65536)));
    await message.commit();
  };
}

const calls = {
  open: promisify(fs.open),
  write: promisify<number, Buffer, number>(fs.write),
  fsync: promisify(fs.fsync),
  close: promisify(fs.close),
  rename: promisify(fs.rename),
  link: promisify(fs.link),
  unlink: promisify(fs.unlink),
};

let fileNumber = 0;

function places(layout: ReturnType<typeof makeDeliveryHost>, number: number): [string, string, string] {
  const maildir = maildirOf(layout, number % accounts);
  const name = `bench.${fileNumber++}`;
  return [path.join(maildir, 'tmp', name), path.join(maildir, 'new', name), path.join(maildir, 'new')];
}

/** The disk's own limit. */
function diskWork(root: string, bytes: number, files: number): Work {
  const layout = makeDeliveryHost(root, { accounts });
  const body = Buffer.alloc(bytes, 'x\n');
  const one = async (number: number): Promise<void> => {
    const [from, to, directory] = places(layout, number);
    const fd = await calls.open(from, 'wx', 0o600);
    await calls.write(fd, body);
    await calls.fsync(fd);
    await calls.close(fd);
    await calls.rename(from, to);
    const directoryFd = await calls.open(directory, 'r');
    await calls.fsync(directoryFd);
    await calls.close(directoryFd);
  };
  return async (number) => {
    for (let index = 0; index < files; index++) await one(number * files + index);
  };
}

/** Ways to make the same calls. */
function waysToCall(root: string): Readonly<Record<string, Work>> {
  const layout = makeDeliveryHost(root, { accounts });
  const body = Buffer.alloc(2048, 'x\n');
  const written = async (from: string): Promise<void> => {
    const fd = fs.openSync(from, 'wx', 0o600);
    fs.writeSync(fd, body);
    await calls.fsync(fd);
    fs.closeSync(fd);
  };
  return {
    'at once, link': async (number) => {
      const [from, to, directory] = places(layout, number);
      await written(from);
      fs.linkSync(from, to);
      fs.unlinkSync(from);
      await syncDirectory(directory);
    },
    'at once, rename': async (number) => {
      const [from, to, directory] = places(layout, number);
      await written(from);
      fs.renameSync(from, to);
      await syncDirectory(directory);
    },
    'link later': async (number) => {
      const [from, to, directory] = places(layout, number);
      await written(from);
      await calls.link(from, to);
      await Promise.all([calls.unlink(from), syncDirectory(directory)]);
    },
    'all later': async (number) => {
      const [from, to, directory] = places(layout, number);
      const fd = await calls.open(from, 'wx', 0o600);
      await calls.write(fd, body);
      await calls.fsync(fd);
      await calls.close(fd);
      await calls.link(from, to);
      await Promise.all([calls.unlink(from), syncDirectory(directory)]);
    },
  };
}

async function compare(root: string, seconds: number, rounds: number, sizes: readonly number[]): Promise<string> {
  const cases = sizes.flatMap((bytes) => [1, 10].map((recipients) => ({ bytes, recipients })));
  const rows: string[][] = [];
  for (const { bytes, recipients } of cases) {
    const ours = deliveryWork(path.join(root, `ours-${bytes}-${recipients}`), bytes, recipients);
    const disk = diskWork(path.join(root, `disk-${bytes}-${recipients}`), bytes, recipients);
    for (const atOnce of bytes > 100_000 ? [1, 10] : [1, 16, 100]) {
      const results: { ours: Rate; disk: Rate }[] = [];
      for (let round = 0; round < rounds; round++) {
        results.push({ ours: await measure(ours, atOnce, seconds), disk: await measure(disk, 16, seconds) });
      }
      rows.push([
        `${bytes / 1024} KiB`,
        String(recipients),
        String(atOnce),
        figure(median(results.map((result) => result.ours.perSecond))),
        figure(median(results.map((result) => result.ours.cpuMs))),
        figure(median(results.map((result) => result.ours.cpuMs)) / recipients),
        figure(median(results.map((result) => result.disk.perSecond))),
        figure(median(results.map((result) => result.disk.cpuMs))),
        percent(median(results.map((result) => result.ours.perSecond / result.disk.perSecond))),
      ]);
      process.stderr.write(`${rows.at(-1)?.join(' ')}\n`);
    }
  }
  const head = [
    'size',
    'recipients',
    'at once',
    'messages/s',
    'CPU ms',
    'CPU ms/recipient',
    'disk/s (16)',
    'its CPU ms',
    'share',
  ];
  return table(head, rows);
}

async function compareCalls(root: string, seconds: number, rounds: number): Promise<string> {
  const rows: string[][] = [];
  for (const atOnce of [1, 16, 100]) {
    const ways = waysToCall(path.join(root, `calls-${atOnce}`));
    const results = new Map<string, Rate[]>();
    for (let round = 0; round < rounds; round++) {
      for (const [name, work] of Object.entries(ways))
        results.set(name, [...(results.get(name) ?? []), await measure(work, atOnce, seconds)]);
    }
    for (const [name, rates] of results) {
      const cpu = median(rates.map((rate) => rate.cpuMs));
      rows.push([name, String(atOnce), figure(median(rates.map((rate) => rate.perSecond))), figure(cpu)]);
    }
  }
  return table(['way', 'at once', 'messages/s', 'CPU ms'], rows);
}

async function main(args: string[]): Promise<void> {
  // `node --test DIRECTORY` runs every file below a directory named test.
  if (process.env.NODE_TEST_CONTEXT !== undefined) return;
  const { values } = parseArgs({
    args,
    options: {
      seconds: { type: 'string', default: '1' },
      rounds: { type: 'string', default: '3' },
      dir: { type: 'string', default: os.tmpdir() },
      calls: { type: 'boolean', default: false },
      sizes: { type: 'string', default: '2048,51200,1048576' },
    },
  });
  const root = fs.mkdtempSync(path.join(values.dir, 'vqmail-delivery-'));
  fs.chownSync(root, mailOwner.uid, mailOwner.gid);
  try {
    const [seconds, rounds] = [Number(values.seconds), Number(values.rounds)];
    const sizes = values.sizes.split(',').map(Number);
    const text = values.calls ? compareCalls(root, seconds, rounds) : compare(root, seconds, rounds, sizes);
    process.stdout.write(`${await text}\n`);
  } finally {
    fs.rmSync(root, { recursive: true, force: true });
  }
}

await main(process.argv.slice(2));
