// The tries on one channel: whose turn it is, what runs, and what becomes of it.
//
// As in qmail-send messages are taken up in the order in which they are due, each recipient file is read record by record, and one record is one turn; so the log has its order.
// Beyond that it is fair:
//   - a message takes up as many recipients as there are slots; when others wait it goes on by one at a time, in turn with them
//   - recipients of a destination that has no room (passes/destination.ts) wait, and the file is read on
//   - a message all of whose recipients would wait is closed again when many wait already, and only its number is kept
// Recipients of one message, destination and envelope sender that begin in the same moment are one attempt: one connection. In the log and in the count each is a delivery.
//
//   report      is logged, and then
//   success     the recipient is marked done
//   deferral    nothing; at the last try it is a failure
//   failure     a paragraph is added to bounce/N, durable, and then the recipient is marked done

import type { DeliveryChannel, DeliveryReport } from '../../delivery/report.js';
import { describe } from '../../errors.js';
import { letters, type RecipientRecord } from '../../formats/queue/queue-recipients.js';
import { verpSender } from '../../formats/queue/queue-verp.js';
import { removeMessage } from '../ending/finish.js';
import type { QueueLog } from '../log.js';
import { givingUp, type QueueClock, troubleSeconds } from '../schedule.js';
import { TimeHeap } from '../time-heap.js';
import { channelNames } from '../tree.js';
import { Destination, destinationKey, QuickDestinations } from './destination.js';
import { openPass, type Pass, type PassSource, type Waiting } from './pass.js';

export interface ChannelPassesOptions extends PassSource {
  readonly deliveries: DeliveryChannel;
  /** How many deliveries may run at once. */
  readonly limit: number;
  readonly clock: QueueClock;
  readonly log: QueueLog;
  /** The next delivery's number. */
  readonly nextNumber: () => number;
  /** What a delivery may take to be called quick, in milliseconds. */
  readonly quickMs: () => number;
  /** Logs how many run. */
  readonly tellStatus: () => void;
  /** Notes durably that a recipient has failed; false: it could not be noted. */
  readonly noteFailure: (id: string, recipient: string, text: string) => Promise<boolean>;
  /** No channel has recipients of this message any more. */
  readonly finished: (id: string) => void;
  /** Something is over: others may have their turn. */
  readonly changed: () => void;
}

/** Recipients that are tried together. */
interface Attempt {
  readonly pass: Pass;
  readonly destination: Destination;
  readonly sender: string;
  readonly startedMs: number;
  readonly deliveries: { readonly number: number; readonly record: RecipientRecord; isOver: boolean }[];
}

/** Recipients in one attempt: what every receiver must take (RFC 5321 4.5.3.1.8). */
const attemptMost = 100;
/** Waiting recipients beyond which messages are closed again. */
const waitingMost = 1000;
/** A report is cut behind this (REPORTMAX of qmail-send.c). */
const reportMost = 9997;

export class ChannelPasses {
  /** What is due when. */
  readonly schedule = new TimeHeap();
  readonly #options: ChannelPassesOptions;
  readonly #destinations = new Map<string, Destination>();
  readonly #quick = new QuickDestinations();
  /** Destinations with room for whom somebody waits. */
  readonly #listed: Destination[] = [];
  /** Messages that have had their first turn and are not read to the end. */
  readonly #turns: Pass[] = [];
  #current: Pass | undefined;
  #beginning = new Map<string, Attempt>();
  #running = 0;
  #waiting = 0;
  #settling = 0;
  #isWaitingsTurn = false;
  #isTurnsTurn = false;
  #isStopping = false;

  constructor(options: ChannelPassesOptions) {
    this.#options = options;
  }

  /** Deliveries that run. */
  get running(): number {
    return this.#running;
  }

  /** Whether no delivery runs and no report is being dealt with. */
  get isQuiet(): boolean {
    return this.#running === 0 && this.#settling === 0;
  }

  /** Whether a delivery to this address is likely to be over soon: one that could begin at once, or behind deliveries of its own destination. */
  isQuick(address: string): boolean {
    const { channel, limit, straight } = this.#options;
    const key = destinationKey(channel, address);
    if (!this.#quick.has(key)) return false;
    const destination = this.#destinations.get(key);
    if (this.#running < limit && (destination?.hasRoom ?? true)) return true;
    // So many that each waits for one other at most.
    return (destination?.isRunning ?? false) && straight.size < 2 * limit;
  }

  /** Takes up no recipient any more. */
  stop(): void {
    this.#isStopping = true;
  }

  /** One step of one message. @returns whether there was anything to do */
  turn(now: number): boolean {
    if (this.#isStopping || this.#running >= this.#options.limit) return false;
    this.#isWaitingsTurn = !this.#isWaitingsTurn;
    const waiting = this.#listed.length > 0 && this.#isWaitingsTurn;
    if (waiting && this.#beginWaiting()) return true;
    if (this.#current === undefined && !this.#takeNext(now))
      return !waiting && this.#listed.length > 0 && this.#beginWaiting();
    if (this.#current !== undefined) this.#step(this.#current, now);
    return true;
  }

  /** Begins the attempts of the turns before. */
  flush(): void {
    const attempts = this.#beginning;
    this.#beginning = new Map();
    for (const attempt of attempts.values()) void this.#deliver(attempt);
  }

  #beginWaiting(): boolean {
    const destination = this.#listed.shift();
    if (destination === undefined) return false;
    destination.isListed = false;
    const waiting = destination.waiting.shift();
    if (waiting === undefined) {
      // Those that were due first are looked at first.
      for (const id of destination.parked.splice(0, destination.room)) this.schedule.insert(id, 0);
      return true;
    }
    this.#waiting--;
    this.#begin(waiting, destination);
    this.#list(destination);
    return true;
  }

  /** Takes up one message. @returns whether there was any, even when it is not to be tried now */
  #takeNext(now: number): boolean {
    const isDue = (this.schedule.earliest ?? Number.POSITIVE_INFINITY) <= now;
    this.#isTurnsTurn = !this.#isTurnsTurn;
    if (this.#turns.length > 0 && (this.#isTurnsTurn || !isDue)) {
      this.#current = this.#turns.shift();
      if (this.#current !== undefined) this.#current.allowance = 1;
      return true;
    }
    if (!isDue) return false;
    const due = this.schedule.take();
    if (due !== undefined) this.#current = this.#open(due.id, now);
    return true;
  }

  #open(id: string, now: number): Pass | undefined {
    const pass = openPass(this.#options, id, now);
    if (typeof pass === 'string') {
      this.#warn(`trouble opening ${this.#options.tree.shown(pass)}; will try again later`);
      this.schedule.insert(id, now + troubleSeconds);
      return undefined;
    }
    pass.allowance = this.#options.limit;
    if (this.#waiting >= waitingMost && pass.isBlocked((address) => !this.#destination(address).hasRoom)) {
      this.#destination(pass.firstAddress ?? '').parked.push(id);
      return undefined;
    }
    return pass;
  }

  #step(pass: Pass, now: number): void {
    const record = pass.next();
    if (record === undefined || record.state === 'unknown') {
      this.#current = undefined;
      if (record !== undefined) this.#warn(`unknown record type in ${this.#shown(pass)}!`);
      pass.hasEnded = record === undefined;
      this.#release(pass);
      return;
    }
    if (record.state === 'done') return;
    pass.undone++;
    pass.holds++;
    const destination = this.#destination(record.address);
    if (destination.hasRoom && destination.waiting.length === 0) this.#begin({ pass, record }, destination);
    else {
      destination.waiting.push({ pass, record });
      this.#waiting++;
      this.#list(destination);
    }
    if (--pass.allowance <= 0 && (this.#turns.length > 0 || (this.schedule.earliest ?? now + 1) <= now)) {
      this.#turns.push(pass);
      this.#current = undefined;
    }
  }

  #begin({ pass, record }: Waiting, destination: Destination): void {
    const { channel, clock, log, nextNumber, tellStatus } = this.#options;
    this.#running++;
    destination.begin();
    const number = nextNumber();
    log({ event: 'starting', delivery: number, msg: pass.message.id, channel, to: record.address });
    tellStatus();
    const sender = verpSender(pass.sender, record.address);
    const key = `${pass.message.id} ${destination.key} ${sender}`;
    let attempt = this.#beginning.get(key);
    if (attempt === undefined || attempt.deliveries.length >= attemptMost) {
      attempt = { pass, destination, sender, startedMs: clock.milliseconds(), deliveries: [] };
      // A full one keeps its place under a key of its own.
      const full = this.#beginning.get(key);
      if (full !== undefined) this.#beginning.set(`${key} ${number}`, full);
      this.#beginning.set(key, attempt);
    }
    attempt.deliveries.push({ number, record, isOver: false });
  }

  async #deliver(attempt: Attempt): Promise<void> {
    const { pass, sender, deliveries } = attempt;
    const recipients = deliveries.map(({ record }) => record.address);
    try {
      await this.#options.deliveries.deliver({ message: pass.message, sender, recipients }, (index, report) =>
        this.#report(attempt, index, report),
      );
    } catch (error) {
      this.#options.log({ event: 'alert', text: `a delivery was broken off by a defect: ${describe(error)}` });
    }
    for (const index of deliveries.keys()) this.#report(attempt, index, undefined);
  }

  /** @param report undefined: there is none */
  #report(attempt: Attempt, index: number, report: DeliveryReport | undefined): void {
    const delivery = attempt.deliveries[index];
    if (delivery === undefined || delivery.isOver) return;
    delivery.isOver = true;
    this.#settling++;
    const settling = this.#options.straight.over(attempt.pass.message.id, report?.outcome === 'success');
    if (settling === undefined) this.#conclude(attempt, delivery, report);
    else void settling.then(() => this.#conclude(attempt, delivery, report));
  }

  #conclude(
    attempt: Attempt,
    { number, record }: Attempt['deliveries'][number],
    report: DeliveryReport | undefined,
  ): void {
    const { log, clock, tellStatus } = this.#options;
    const { pass, destination } = attempt;
    const { outcome, text } = report === undefined ? { outcome: 'deferral' as const, text: '' } : final(report, pass);
    if (report === undefined) log({ event: 'mangled', delivery: number });
    else log({ event: 'delivery', delivery: number, outcome, text });
    this.#running--;
    const tookMs = clock.milliseconds() - attempt.startedMs;
    destination.end(outcome, tookMs / 1000);
    this.#quick.note(destination.key, outcome, tookMs <= this.#options.quickMs());
    this.#list(destination);
    const isSettledLater = outcome !== 'success' && this.#isPreprocessed(pass) && outcome === 'failure';
    if (isSettledLater) void this.#settleFailure(pass, record, text);
    else if (outcome === 'success') this.#markDone(pass, record);
    tellStatus();
    if (!isSettledLater) this.#settled(pass);
    if (destination.isIdle) this.#destinations.delete(destination.key);
    this.#options.changed();
  }

  async #settleFailure(pass: Pass, record: RecipientRecord, text: string): Promise<void> {
    if (await this.#options.noteFailure(pass.message.id, record.address, text)) this.#markDone(pass, record);
    this.#settled(pass);
    this.#options.changed();
  }

  #settled(pass: Pass): void {
    this.#settling--;
    this.#release(pass);
  }

  /** Whether a message whose first try was no success has its files now; otherwise it is left to the next look at todo/. */
  #isPreprocessed(pass: Pass): boolean {
    const { straight } = this.#options;
    if (!straight.has(pass.message.id)) return true;
    straight.leave(pass.message.id);
    pass.remains = 'todo';
    return false;
  }

  #markDone(pass: Pass, record: RecipientRecord): void {
    const { tree, files, channel, straight } = this.#options;
    const { id } = pass.message;
    try {
      if (straight.has(id)) {
        pass.remains = 'todo';
        pass.remains = straight.remove(id);
      } else files.mark(tree.channel(channel, id), record.offset, letters.done);
    } catch {
      this.#warn(`trouble marking ${this.#shown(pass)}; message will be delivered twice!`);
    }
    pass.undone--;
  }

  /** Something of the try is over; with the last of it the try is. */
  #release(pass: Pass): void {
    if (--pass.holds > 0) return;
    // It is met again at the next look through todo/.
    if (pass.remains === 'todo') return;
    if (pass.remains === 'text' || pass.remains === 'only-text') void this.#forget(pass);
    else if (!pass.hasEnded || pass.undone > 0) this.schedule.insert(pass.message.id, pass.retrySeconds);
    else void this.#finish(pass);
  }

  /** The message is done, and its text is what is left. */
  async #forget({ message: { id }, remains }: Pass): Promise<void> {
    const { log, tree } = this.#options;
    this.#settling++;
    log({ event: 'end', msg: id });
    const isRemoved = remains === 'only-text' ? this.#unlink(tree.mess(id)) : await removeMessage(this.#options, id);
    if (!isRemoved) this.#warn(`qmail-clean unable to clean up foop/${id}`);
    this.#settling--;
    this.#options.changed();
  }

  /** Every recipient on this channel is done. */
  async #finish(pass: Pass): Promise<void> {
    const { tree, files, channel, finished, clock, changed } = this.#options;
    const { id } = pass.message;
    this.#settling++;
    try {
      await files.remove(tree.channel(channel, id));
      const isOver = channelNames.every((other) => other === channel || !this.#isThere(tree.channel(other, id)));
      if (isOver) finished(id);
    } catch {
      this.#warn(`unable to unlink ${this.#shown(pass)}; will try again later`);
      this.schedule.insert(id, clock.now() + troubleSeconds);
    }
    this.#settling--;
    changed();
  }

  #unlink(file: string): boolean {
    try {
      this.#options.files.unlink(file);
      return true;
    } catch {
      return false;
    }
  }

  #isThere(file: string): boolean {
    try {
      return this.#options.files.status(file) !== undefined;
    } catch {
      this.#warn(`unable to stat ${this.#options.tree.shown(file)}`);
      return false;
    }
  }

  #destination(address: string): Destination {
    const { channel, limit } = this.#options;
    const key = destinationKey(channel, address);
    let destination = this.#destinations.get(key);
    if (destination === undefined) {
      destination = new Destination(key, channel, limit);
      this.#destinations.set(key, destination);
    }
    return destination;
  }

  #list(destination: Destination): void {
    if (destination.isListed || !destination.hasRoom) return;
    if (destination.waiting.length === 0 && destination.parked.length === 0) return;
    destination.isListed = true;
    this.#listed.push(destination);
  }

  #shown(pass: Pass): string {
    const { tree, channel } = this.#options;
    return tree.shown(tree.channel(channel, pass.message.id));
  }

  #warn(text: string): void {
    this.#options.log({ event: 'warning', text });
  }
}

/** A report as it counts: cut, and at the last try without hope. */
function final(report: DeliveryReport, pass: Pass): DeliveryReport {
  const text = report.text.slice(0, reportMost);
  if (report.outcome !== 'deferral' || !pass.isLast) return { outcome: report.outcome, text };
  return { outcome: 'failure', text: `${text}${givingUp}` };
}
