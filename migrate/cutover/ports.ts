// Whether somebody serves a place, and what he says first.

import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { TemporaryError } from '../../src/errors.js';
import { parseListenAddress } from '../../src/net/listener.js';

const stepMs = 200;

/** Where a client reaches a place of `serve --listen`, as `PROTO=HOST:PORT`; undefined for one that is no TCP port. */
export function reachedAt(place: string): { protocol: string; host: string; port: number } | undefined {
  const { protocol, at } = parseListenAddress(place);
  if (!('host' in at)) return undefined;
  const anywhere: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
  return { protocol, host: anywhere[at.host] ?? at.host, port: at.port };
}

/** Until nobody accepts connections at a place. @throws TemporaryError */
export async function untilFree(place: string, patienceMs: number): Promise<void> {
  await until(patienceMs, `${place} is still held`, async () => (await greetingAt(place)) === undefined);
}

/** Until a server greets there. @throws TemporaryError */
export async function untilServed(place: string, patienceMs: number): Promise<void> {
  const protocol = reachedAt(place)?.protocol ?? '';
  const greeting = /^(?:smtps|pop3s|imaps)$/.test(protocol) ? /^/ : /^(?:220|\+OK|\* OK|\* PREAUTH)/;
  await until(patienceMs, `nobody greets at ${place}`, async () =>
    greeting.test((await greetingAt(place)) ?? 'nobody\n'),
  );
}

export async function until(
  patienceMs: number,
  why: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  for (const end = performance.now() + patienceMs; !(await condition()); await pause(stepMs))
    if (performance.now() > end) throw new TemporaryError('4.3.0', `${why} after ${patienceMs / 1000} seconds`);
}

/** What a server says first, '' when it says nothing; undefined when nobody accepts. */
async function greetingAt(place: string): Promise<string | undefined> {
  const at = reachedAt(place);
  if (at === undefined) return undefined;
  const socket = net.connect(at.port, at.host);
  socket.on('error', () => {});
  try {
    await once(socket, 'connect');
    if (/^(?:smtps|pop3s|imaps)$/.test(at.protocol)) return '';
    const [piece] = await Promise.race([
      once(socket, 'data'),
      once(socket, 'close').then(() => ['']),
      pause(5000, [''], { ref: false }),
    ]);
    return String(piece);
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}
