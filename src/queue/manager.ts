// The queue at work: what qmail-send is on a classic host (formats/qmail.md 4). Whoever makes one holds lock/sendmutex.
//
//   start        takes up what is there, looks through todo/, and goes on until it is stopped
//   reread       SIGHUP: locals and virtualdomains as they are now
//   runAll       SIGALRM: everything that is scheduled is due now, but what people hold back
//   obey         what people order about one message
//   stop         SIGTERM: nothing new; running deliveries end; the times of the next tries go to the disk; `status: exiting`
//
// A round lets each channel take one step after the other, as qmail-send's main loop does, until neither has anything to do; then the attempts that began are handed to the
// channels. Rounds are asked for by whatever changes: a message was preprocessed, a delivery is over, something is due.

import type { DeliveryChannel } from '../delivery/report.js';
import { describe } from '../errors.js';
import type { Control } from '../stores/control.js';
import { type QueueControls, RereadError, rereadQueueControls } from './controls.js';
import type { EnqueueNotice } from './ending/bounce.js';
import { Endings } from './ending/endings.js';
import { FailureNotes } from './ending/failure-notes.js';
import type { FirstTries } from './enqueue/native.js';
import type { QueueFiles } from './files.js';
import { QueueingTime, tryFirst } from './intake/first-tries.js';
import { channelsOf, type PreprocessOptions, readNewMessage, settleMessage } from './intake/preprocess.js';
import { StraightMessages } from './intake/straight.js';
import { TodoScan } from './intake/todo-scan.js';
import type { QueueLog } from './log.js';
import { carryOut, type OrderName, type OrderResult } from './orders/order.js';
import type { QueueOwners } from './owners.js';
import { ChannelPasses } from './passes/channel-passes.js';
import { cleanupSeconds, heldSeconds, type QueueClock, systemClock, troubleSeconds } from './schedule.js';
import { type ChannelName, channelNames, type QueueTree } from './tree.js';
import { Trigger } from './trigger.js';
import { cleanUp } from './upkeep/cleanup.js';
import { saveTimes } from './upkeep/save-times.js';
import { takeOver } from './upkeep/takeover.js';

export interface QueueOptions {
  readonly tree: QueueTree;
  readonly files: QueueFiles;
  readonly owners: QueueOwners;
  readonly control: Control;
  /** As read at the start. */
  readonly controls: QueueControls;
  readonly channels: Readonly<Record<ChannelName, DeliveryChannel>>;
  readonly enqueue: EnqueueNotice;
  readonly log: QueueLog;
  readonly clock?: QueueClock;
}

/** Steps of a round before others in this process have their turn. */
const stepsAtOnce = 1000;
/** As qmail-send, a little later than due: times are whole seconds. */
const fuzzSeconds = 1;

export class QueueManager {
  readonly #options: QueueOptions;
  readonly #clock: QueueClock;
  readonly #log: QueueLog;
  readonly #passes: Readonly<Record<ChannelName, ChannelPasses>>;
  readonly #scan: TodoScan;
  readonly #straight: StraightMessages;
  readonly #notes: FailureNotes;
  readonly #queueing: QueueingTime;
  readonly #endings: Endings;
  #controls: QueueControls;
  #deliveries = 0;
  #isRoundAsked = false;
  #isStopping = false;
  #cancelTimer = (): void => {};
  #cancelCleanup = (): void => {};
  #cleaning = Promise.resolve();
  #whenQuiet: (() => void) | undefined;

  constructor(options: QueueOptions) {
    const { tree, files, owners, log } = options;
    this.#options = options;
    this.#log = log;
    this.#clock = options.clock ?? systemClock;
    this.#controls = options.controls;
    const clock = this.#clock;
    this.#queueing = new QueueingTime(clock);
    const isStopping = (): boolean => this.#isStopping;
    const virtualDomains = (): ReadonlyMap<string, string> => this.#controls.rules.virtualDomains;
    this.#notes = new FailureNotes({ tree, files, owner: owners.send, clock, log, virtualDomains, isStopping });
    this.#straight = new StraightMessages({
      tree,
      files,
      clock,
      settle: (message, birthSeconds) => settleMessage(this.#preprocessing, message, birthSeconds),
    });
    this.#endings = new Endings({
      ...{ tree, files, clock, log, enqueue: options.enqueue },
      controls: () => this.#controls,
      changed: () => this.#askRound(),
    });
    this.#passes = { local: this.#channel('local'), remote: this.#channel('remote') };
    this.#scan = new TodoScan({
      tree,
      files,
      clock,
      log,
      trigger: (pulled) => new Trigger(tree.trigger, pulled),
      take: (id) => this.#takeNew(id),
    });
  }

  /** Takes up the queue and begins. @throws TemporaryError when it cannot be read */
  async start(): Promise<void> {
    const { tree, files } = this.#options;
    if (!this.#scan.listen())
      this.#log({
        event: 'warning',
        text: `${tree.shown(tree.trigger)} is no fifo; todo is looked at every 10 seconds`,
      });
    const now = this.#clock.now();
    await takeOver({
      tree,
      files,
      log: this.#log,
      schedule: (channel, id, seconds) => this.#passes[channel].schedule.insert(id, seconds),
      finished: (id) => this.#endings.insert(id, now),
      isStopping: () => this.#isStopping,
    });
    if (this.#isStopping) return;
    this.#tellStatus();
    this.#scan.ask();
    this.#askRound();
    this.#cleanUp();
  }

  /** Looks through todo/ soon, as when the trigger is pulled. */
  lookForNew(): void {
    this.#scan.ask();
  }

  /** Takes up a message that was put into todo/ by this process. */
  found(id: string): void {
    this.#queueing.end(id);
    if (!this.#straight.queued(id)) this.#scan.found(id);
  }

  /** Tries what this process is about to queue. */
  readonly firstTries: FirstTries = {
    offer: (message) =>
      tryFirst(
        {
          rules: this.#controls.rules,
          straight: this.#straight,
          passes: this.#passes,
          log: this.#log,
          queueing: this.#queueing,
          schedule: (channel, id) => {
            this.#passes[channel].schedule.insert(id, this.#clock.now());
            this.#round();
          },
        },
        message,
      ),
    gaveUp: (id, over) => {
      this.#queueing.end(id);
      this.#straight.lost(id, over);
    },
  };

  /** Reads locals and virtualdomains again. Messages that are preprocessed afterwards go by them. */
  reread(): void {
    try {
      this.#controls = rereadQueueControls(this.#options.control, this.#controls);
    } catch (error) {
      const text = error instanceof RereadError ? error.message : `unable to reread controls: ${describe(error)}`;
      this.#log({ event: 'alert', text });
    }
  }

  /** Makes everything due. */
  runAll(): void {
    for (const channel of channelNames) this.#passes[channel].schedule.makeAllDue(this.#clock.now(), heldSeconds);
    this.#askRound();
  }

  /** Carries out what somebody orders about one message. Does not throw. */
  async obey(order: OrderName, id: string): Promise<OrderResult> {
    const { tree, files } = this.#options;
    const times = this.#take(id);
    if (typeof times === 'string') return times;
    const noteFailure = (message: string, recipient: string, text: string): Promise<boolean> =>
      this.#notes.note(message, recipient, text);
    try {
      const now = (): number => this.#clock.now();
      const after = await carryOut({ tree, files, log: this.#log, now, noteFailure }, order, id, times);
      if (after === 'ended') this.#endings.insert(id, now());
      else if (after !== 'gone')
        for (const [channel, seconds] of after) this.#passes[channel].schedule.insert(id, seconds);
      return 'done';
    } catch (error) {
      this.#log({ event: 'warning', text: `unable to ${order} msg ${id}: ${describe(error)}` });
      // What is still there goes on as it was.
      for (const [channel, seconds] of times) this.#passes[channel].schedule.insert(id, seconds);
      if (times.size === 0) this.#endings.insert(id, this.#clock.now() + troubleSeconds);
      return 'failed';
    } finally {
      this.#askRound();
    }
  }

  /** When the messages that wait are tried next, by number. */
  times(): Map<string, { local?: number; remote?: number }> {
    const times = new Map<string, { local?: number; remote?: number }>();
    for (const channel of channelNames)
      for (const { id, seconds } of this.#passes[channel].schedule)
        times.set(id, { ...times.get(id), [channel]: seconds });
    return times;
  }

  /** Takes a message out of everything that would deal with it. @returns the times of its next tries, none for one at its end; or why not */
  #take(id: string): Map<ChannelName, number> | 'unknown' | 'busy' {
    const { tree, files } = this.#options;
    const times = new Map<ChannelName, number>();
    try {
      if (files.status(tree.info(id)) === undefined)
        return files.status(tree.todo(id)) === undefined ? 'unknown' : 'busy';
      for (const channel of channelNames) {
        if (files.status(tree.channel(channel, id)) === undefined) continue;
        const seconds = this.#passes[channel].schedule.timeOf(id);
        if (seconds === undefined) return 'busy';
        times.set(channel, seconds);
      }
    } catch {
      return 'busy';
    }
    if (times.size === 0 && !this.#endings.remove(id)) return 'busy';
    for (const channel of times.keys()) this.#passes[channel].schedule.remove(id);
    return times;
  }

  /** Deliveries that run now. */
  get running(): Readonly<Record<ChannelName, number>> {
    return { local: this.#passes.local.running, remote: this.#passes.remote.running };
  }

  /**
   * Ends in an orderly way. Deliveries that are not over after `withinMs` are given up: their recipients stay to do.
   * @returns once everything is on the disk
   */
  async stop(withinMs = Number.POSITIVE_INFINITY): Promise<void> {
    if (this.#isStopping) return;
    const { tree, files } = this.#options;
    this.#isStopping = true;
    this.#cancelTimer();
    this.#cancelCleanup();
    for (const channel of channelNames) this.#passes[channel].stop();
    const quiet = Promise.all([this.#scan.stop(), this.#straight.stop(), this.#quiet(), this.#cleaning]);
    await within(quiet, withinMs);
    const isInTodo = (id: string): boolean => this.#straight.has(id);
    await saveTimes({ tree, files, log: this.#log, passes: this.#passes, isInTodo });
    this.#log({ event: 'exiting' });
    await within(Promise.all(channelNames.map((channel) => this.#options.channels[channel].close())), withinMs);
  }

  #channel(channel: ChannelName): ChannelPasses {
    const { tree, files, channels, controls } = this.#options;
    return new ChannelPasses({
      tree,
      files,
      channel,
      lifetimeSeconds: controls.lifetimeSeconds,
      straight: this.#straight,
      deliveries: channels[channel],
      limit: controls.concurrency[channel],
      clock: this.#clock,
      log: this.#log,
      nextNumber: () => ++this.#deliveries,
      quickMs: () => this.#queueing.quickMs(channel),
      tellStatus: () => this.#tellStatus(),
      noteFailure: (id, recipient, text) => this.#notes.note(id, recipient, text),
      finished: (id) => this.#endings.insert(id, this.#clock.now()),
      changed: () => this.#askRound(),
    });
  }

  get #preprocessing(): PreprocessOptions {
    const { tree, files, owners } = this.#options;
    return { tree, files, owner: owners.send, log: this.#log, rules: () => this.#controls.rules };
  }

  async #takeNew(id: string): Promise<void> {
    await this.#endings.noticesTold();
    if (this.#straight.has(id)) return;
    const message = readNewMessage(this.#preprocessing, id);
    if (message === undefined) return;
    const channel = this.#straight.take(message);
    if (channel === undefined && !(await settleMessage(this.#preprocessing, message))) return;
    const channels = channel === undefined ? channelsOf(message) : [channel];
    const now = this.#clock.now();
    for (const channel of channels) this.#passes[channel].schedule.insert(id, now);
    if (channels.length === 0) this.#endings.insert(id, now);
    // At once, so that the first deliveries of a message follow its lines in the log.
    this.#round();
  }

  #askRound(): void {
    if (this.#isRoundAsked) return;
    this.#isRoundAsked = true;
    setImmediate(() => {
      this.#isRoundAsked = false;
      this.#round();
    });
  }

  #round(): void {
    const now = this.#clock.now();
    for (let steps = 0; ; steps++) {
      let isDoing = false;
      for (const channel of channelNames) isDoing = this.#passes[channel].turn(now) || isDoing;
      isDoing = this.#endings.begin(now) || isDoing;
      if (!isDoing) break;
      if (steps < stepsAtOnce) continue;
      this.#askRound();
      break;
    }
    for (const channel of channelNames) this.#passes[channel].flush();
    this.#tellQuiet();
    this.#setTimer();
  }

  #setTimer(): void {
    this.#cancelTimer();
    if (this.#isStopping) return;
    const now = this.#clock.now();
    // What is due already waits for a slot, and goes on when a delivery is over.
    const times = [...channelNames.map((channel) => this.#passes[channel].schedule), this.#endings]
      .map((heap) => heap.earliest)
      .filter((seconds) => seconds !== undefined && seconds > now);
    if (times.length === 0) return;
    const earliest = Math.min(...times.map(Number));
    this.#cancelTimer = this.#clock.after(earliest - now + fuzzSeconds, () => this.#round());
  }

  #cleanUp(): void {
    const { tree, files } = this.#options;
    const isStopping = (): boolean => this.#isStopping;
    this.#cleaning = cleanUp({ tree, files, clock: this.#clock, log: this.#log, isStopping });
    this.#cancelCleanup = this.#clock.after(cleanupSeconds, () => this.#cleanUp());
  }

  #tellStatus(): void {
    const load = (channel: ChannelName): { running: number; limit: number } => ({
      running: this.#passes[channel].running,
      limit: this.#options.controls.concurrency[channel],
    });
    const [local, remote] = [load('local'), load('remote')];
    this.#log({ event: 'status', local, remote, isExiting: this.#isStopping });
  }

  /** Resolves when nothing runs any more. */
  #quiet(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenQuiet = resolve;
      this.#askRound();
    });
  }

  #tellQuiet(): void {
    if (this.#whenQuiet === undefined || this.#endings.isBusy) return;
    const now = this.#clock.now();
    const isDue = (this.#endings.earliest ?? Number.POSITIVE_INFINITY) <= now;
    if (!isDue && channelNames.every((channel) => this.#passes[channel].isQuiet)) this.#whenQuiet();
    else if (isDue) this.#askRound();
  }
}

async function within(work: Promise<unknown>, ms: number): Promise<void> {
  if (ms === Number.POSITIVE_INFINITY) {
    await work;
    return;
  }
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
