// Debian's HAProxy in front of a server under test: TCP mode, one port for each backend, stopped by its pid when the test ends.

import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { programPath } from './needs.js';
import { freePort, waitForPort } from './ports.js';
import { newRoot, removeRoot } from './recording.js';

export interface ProxyBackend {
  /** What stands behind `server NAME`: `127.0.0.1:25 send-proxy`. */
  readonly server: string;
}

/** Starts it and gives the port of each backend, in order. */
export async function startHaproxy(t: TestContext, backends: readonly ProxyBackend[]): Promise<number[]> {
  const folder = newRoot('vqmail-haproxy');
  const ports: number[] = [];
  for (const _ of backends) ports.push(await freePort());
  const sections = backends.map(
    ({ server }, index) => `listen l${index}\n  bind 0.0.0.0:${ports[index]}\n  server s${index} ${server}\n`,
  );
  const timeouts = '  timeout connect 10s\n  timeout client 30s\n  timeout server 30s\n  timeout check 10s\n';
  const config = path.join(folder, 'haproxy.cfg');
  writeFileSync(config, `global\n  maxconn 200\ndefaults\n  mode tcp\n${timeouts}${sections.join('')}`);
  const child = spawn(programPath('haproxy') ?? 'haproxy', ['-db', '-f', config], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      log += chunk.toString('latin1');
    });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  t.after(async () => {
    child.kill('SIGKILL');
    await ended;
    removeRoot(folder);
  });
  for (const port of ports) await waitForPort(port, () => log);
  return ports;
}
