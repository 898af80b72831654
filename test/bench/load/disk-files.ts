// Load program: what the disk allows. 16 threads create a file in a Maildir's tmp, write and fsync it, rename it into new and fsync new, as fast as they can, with system
// calls that block: nothing of a server or an event loop is in the way.

import fs from 'node:fs';
import path from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { LoadChannel } from '../measure/load.js';

export interface DiskOrders {
  /** Maildirs, used in turn. */
  readonly maildirs: readonly string[];
  readonly fileBytes: number;
  readonly seconds: number;
  readonly inFlight: number;
}

export interface DiskResult {
  readonly files: number;
  readonly seconds: number;
}

interface ThreadOrders extends DiskOrders {
  readonly number: number;
}

export async function diskFiles(orders: DiskOrders, channel: LoadChannel): Promise<DiskResult> {
  const workers = Array.from({ length: orders.inFlight }, (_, number) => {
    const workerData: ThreadOrders = { ...orders, number };
    return new Worker(new URL(import.meta.url), { workerData });
  });
  await Promise.all(workers.map((worker) => nextMessage(worker)));
  await channel.ready();

  const start = performance.now();
  const counts = workers.map((worker) => nextMessage(worker));
  for (const worker of workers) worker.postMessage('go');
  const files = (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  return { files, seconds: (performance.now() - start) / 1000 };
}

function nextMessage(worker: Worker): Promise<number> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

function writeFiles({ maildirs, fileBytes, seconds, inFlight, number }: ThreadOrders): number {
  const bytes = Buffer.alloc(fileBytes, 'x');
  const deadline = performance.now() + seconds * 1000;
  let files = 0;
  for (; performance.now() < deadline; files++) {
    const maildir = maildirs[(number + files * inFlight) % maildirs.length] ?? '';
    writeDurably(maildir, `${process.pid}.${number}.${files}`, bytes);
  }
  return files;
}

function writeDurably(maildir: string, name: string, bytes: Buffer): void {
  const temporary = path.join(maildir, 'tmp', name);
  const fd = fs.openSync(temporary, 'wx', 0o600);
  fs.writeSync(fd, bytes);
  fs.fsyncSync(fd);
  fs.closeSync(fd);
  fs.renameSync(temporary, path.join(maildir, 'new', name));
  const directory = fs.openSync(path.join(maildir, 'new'), 'r');
  fs.fsyncSync(directory);
  fs.closeSync(directory);
}

if (!isMainThread) {
  parentPort?.once('message', () => {
    parentPort?.postMessage(writeFiles(workerData));
  });
  parentPort?.postMessage(0);
}
