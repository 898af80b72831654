// `vqmail postfix-maps --into DIR`: tables for a Postfix in front of this host (admin/postfix-maps), once, or kept current.
//
//   relay_domains 3, transport 3, relay_recipients 5: relay_recipients changed
//
// With --watch it stays: what the watcher tells (src/watch) and a look now and then make it refresh the tables; each look compares what the files say, so nothing depends on the watcher.
// Exit 0; 111 when a domain is in trouble (the tables are written), or nothing could be written; 100 for wrong usage. With --watch 0 after SIGTERM, SIGINT.

import { Command } from 'commander';
import { customaryMapType, isMapType, type MapType, mapTypes } from '../admin/postfix-maps/map-index.js';
import { PostfixMaps, type RefreshReport } from '../admin/postfix-maps/postfix-maps.js';
import { CorruptFileError, describe, PermanentError, TemporaryError } from '../errors.js';
import type { Layout } from '../layout.js';
import { type Log, lineLog } from '../log.js';
import { openHost } from '../stores/host.js';
import { watchHost } from '../watch/host-watch.js';
import { parseCommandLine } from './command-line.js';
import { argumentPath, type ToolIo } from './tool-io.js';

interface Options {
  readonly into?: string;
  readonly transport: string;
  readonly type?: string;
  readonly postfixConfig?: string;
  readonly watch?: boolean;
  readonly pollSeconds: string;
}

/** @returns the exit status. @throws PermanentError for wrong usage, TemporaryError, CorruptFileError */
export async function postfixMaps(args: string[], io: ToolIo): Promise<number> {
  const options = parseOptions(args, io);
  if (options === undefined) return 0;
  if (options.into === undefined) throw new PermanentError('5.5.4', 'usage: vqmail postfix-maps --into DIR');
  const pollMs = 1000 * Number(/^[1-9]\d{0,5}$/.test(options.pollSeconds) ? options.pollSeconds : Number.NaN);
  if (Number.isNaN(pollMs))
    throw new PermanentError('5.5.4', `--poll-seconds ${options.pollSeconds}: a number is needed`);
  const maps = new PostfixMaps(openHost(io.layout), {
    directory: argumentPath(options.into, io),
    nextHop: options.transport,
    type: await typeOf(options),
    postfixConfig: options.postfixConfig === undefined ? undefined : argumentPath(options.postfixConfig, io),
  });
  const log = lineLog((line) => io.stderr(line));
  const report = await maps.refresh();
  tell(report, io, log);
  if (!options.watch) return report.troubles.length > 0 ? 111 : 0;
  await keepCurrent(maps, { layout: io.layout, pollMs, log, tell: (next) => tell(next, io, log) });
  return 0;
}

function parseOptions(args: string[], io: ToolIo): Options | undefined {
  const command = new Command('vqmail postfix-maps')
    .option('--into <dir>', 'where the tables are written: relay_domains, transport, relay_recipients')
    .option('--transport <next hop>', 'where Postfix sends what is delivered here', 'smtp:[127.0.0.1]:10025')
    .option('--type <type>', `${mapTypes.join(', ')}; what this machine's Postfix uses unless given`)
    .option('--postfix-config <dir>', "Postfix's configuration, for postmap -c")
    .option('--watch', 'stay, and keep the tables current')
    .option('--poll-seconds <n>', 'with --watch: how often to look without being told', '60');
  return parseCommandLine<Options>(command, args, io);
}

async function typeOf({ type, postfixConfig }: Options): Promise<MapType> {
  if (type === undefined) return customaryMapType(postfixConfig);
  if (isMapType(type)) return type;
  throw new PermanentError('5.5.4', `--type ${type}: choose one of ${mapTypes.join(', ')}`);
}

function tell({ changed, domains, recipients, troubles }: RefreshReport, io: ToolIo, log: Log): void {
  for (const trouble of troubles) log.warning(trouble);
  const what = changed.length === 0 ? 'nothing changed' : `${changed.join(' and ')} changed`;
  io.stdout(`${domains} domains, ${recipients} recipients: ${what}\n`);
}

interface Keeping {
  readonly layout: Layout;
  readonly pollMs: number;
  readonly log: Log;
  tell(report: RefreshReport): void;
}

/** Changes that come together are written together. */
const quietMs = 100;

/** Refreshes the tables until a signal comes. */
async function keepCurrent(maps: PostfixMaps, { layout, pollMs, log, tell }: Keeping): Promise<void> {
  const [due, over] = [new Bell(), new Bell()];
  let isEnding = false;
  const end = (): void => {
    isEnding = true;
    for (const bell of [due, over]) bell.ring();
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, end);
  const watch = watchHost(layout, { mode: 'auto', log, tell: () => due.ring() });
  // What changed between the first tables and the first look of the watcher.
  void watch.complete.then(() => due.ring());
  let tookMs = 0;
  let told = '';
  for (;;) {
    await due.wait(pollMs);
    // A refresh that takes long is not done all the time.
    await over.wait(Math.max(quietMs, tookMs));
    if (isEnding) break;
    const startedAt = performance.now();
    const report = await maps.refresh().catch((error: unknown) => failed(error, log));
    tookMs = performance.now() - startedAt;
    const troubles = report?.troubles.join('\n') ?? '';
    if (report !== undefined && (report.changed.length > 0 || troubles !== told)) tell(report);
    told = troubles;
  }
  await watch.close();
}

/** Rung before or while somebody waits, and however often: it wakes once. */
class Bell {
  #isRung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#isRung = true;
    this.#wake?.();
  }

  /** Waits for it, at most for `ms`. */
  async wait(ms: number): Promise<void> {
    if (!this.#isRung)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    this.#isRung = false;
  }
}

function failed(error: unknown, log: Log): undefined {
  if (!(error instanceof TemporaryError || error instanceof CorruptFileError)) throw error;
  log.alert(`the tables stay as they are: ${describe(error)}`);
  return undefined;
}
