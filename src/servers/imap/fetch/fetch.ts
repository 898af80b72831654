// FETCH and UID FETCH (RFC 9051 6.4.5; RFC 7162 CHANGEDSINCE, VANISHED; RFC 9394 PARTIAL).
//
//   FETCH 2:4 (FLAGS BODY[HEADER.FIELDS (DATE FROM)])
//   UID FETCH 1:* (FLAGS) (CHANGEDSINCE 12345 VANISHED)
//
// What sets \Seen sets it before the message is sent, some messages at a time, so that the flags in the answer are those on disk.

import { TemporaryError } from '../../../errors.js';
import { flagBits } from '../../../formats/mailbox/message-flags.js';
import { type Decoder, SyntaxProblem } from '../../../protocols/imap/decoder.js';
import { type FetchItem, parseFetchItems } from '../../../protocols/imap/fetch-items.js';
import { type PartialRange, parsePartialRange, partOf } from '../../../protocols/imap/partial-range.js';
import { formatRanges, type SequenceSet } from '../../../protocols/imap/sequence-set.js';
import { argumentsOf, type Completion, type ImapCommand, no, ok, type SelectedSession } from '../command.js';
import type { ClientCommand } from '../command-input.js';
import { readMessageSet, sequencesOf, uidRangesOf } from '../messages/message-set.js';
import { modSequenceNumber, useModSequences } from '../messages/mod-sequences.js';
import { AnswerBuffer } from './answer-buffer.js';
import { type Answered, BrokenAnswer, FetchAnswer } from './fetch-answer.js';
import { type FetchPlan, planFetch } from './fetch-plan.js';
import { ReadingRoom } from './message-text.js';

export const fetch: ImapCommand = {
  state: 'selected',
  keepsNumbers: true,
  namesNumbers: true,
  mayLookLater: true,
  run: (session, command) => run(session, command, false),
};

export const uidFetch: ImapCommand = {
  state: 'selected',
  mayLookLater: true,
  run: (session, command) => run(session, command, true),
};

interface Asked {
  readonly set: SequenceSet;
  readonly items: readonly FetchItem[];
  readonly changedSince: number | undefined;
  readonly isVanished: boolean;
  readonly partial: PartialRange | undefined;
}

async function run(session: SelectedSession, command: ClientCommand, isUid: boolean): Promise<Completion> {
  const { set, items, changedSince, isVanished, partial } = readArguments(argumentsOf(command));
  if (isVanished && (!isUid || !session.enabled.has('QRESYNC'))) throw new SyntaxProblem('Unknown FETCH modifier');
  if (isVanished && changedSince === undefined) throw new SyntaxProblem('VANISHED used without CHANGEDSINCE');
  const all = sequencesOf(session.selected, set, isUid);
  const asksModSeq = items.some((item) => item.kind === 'plain' && item.name === 'MODSEQ');
  if (asksModSeq || changedSince !== undefined) useModSequences(session);
  if (isVanished && changedSince !== undefined) tellVanished(session, set, changedSince);
  const { view } = session.selected;
  const changed = changedSince === undefined ? all : all.filter((sequence) => view.modSeqAt(sequence) > changedSince);
  const tellsUid = isUid && !session.enabled.has('UIDONLY');
  const plan = planFetch(items, { tellsUid, tellsModSeq: changedSince !== undefined });
  return new Fetching(session, plan, isUid).all(partial === undefined ? changed : partOf(changed, partial));
}

function readArguments(decoder: Decoder): Asked {
  const set = readMessageSet(decoder);
  decoder.sp();
  const items = parseFetchItems(decoder);
  if (items.length === 0) throw new SyntaxProblem('FETCH list is empty');
  let changedSince: number | undefined;
  let isVanished = false;
  let partial: PartialRange | undefined;
  if (decoder.maybeSp())
    decoder.list(() => {
      const word = decoder.word();
      if (word === 'VANISHED') isVanished = true;
      else if (word === 'CHANGEDSINCE') {
        decoder.sp();
        changedSince = modSequenceNumber(decoder.number64());
      } else if (word === 'PARTIAL') {
        decoder.sp();
        partial = parsePartialRange(decoder.atom());
      } else throw new SyntaxProblem('Unknown FETCH modifier');
    });
  decoder.end();
  return { set, items, changedSince, isVanished, partial };
}

function tellVanished({ output, selected }: SelectedSession, set: SequenceSet, changedSince: number): void {
  const { view, savedUids } = selected;
  const within =
    set === 'saved' ? savedUids.map((uid) => ({ first: uid, last: uid })) : uidRangesOf(view, beyondLast(set));
  const vanished = view.vanishedSince(changedSince, within);
  if (vanished.length > 0) output.untagged(`VANISHED (EARLIER) ${formatRanges(vanished)}`);

  /** `5:*` names what was expunged behind the last message too. */
  function beyondLast(ranges: Exclude<SequenceSet, 'saved'>): Exclude<SequenceSet, 'saved'> {
    const isOpen = (number: number): boolean => number === Number.POSITIVE_INFINITY;
    const end = Math.max(view.uidNext - 1, view.uids.at(-1) ?? 0);
    return ranges.map((range) =>
      isOpen(range.last) && !isOpen(range.first) ? { first: range.first, last: Math.max(end, range.first) } : range,
    );
  }
}

/** Messages whose \Seen is set in one go, before they are sent. */
const seenAtOnce = 32;
/** Answers that need no file are a matter of a microsecond. */
const answersBetweenBreaths = 32;

class Fetching {
  readonly #session: SelectedSession;
  readonly #plan: FetchPlan;
  readonly #isUid: boolean;
  readonly #out: AnswerBuffer;
  #gone = 0;
  #trouble: TemporaryError | undefined;
  #unknownEncodings = 0;

  constructor(session: SelectedSession, plan: FetchPlan, isUid: boolean) {
    this.#session = session;
    this.#plan = plan;
    this.#isUid = isUid;
    this.#out = new AnswerBuffer(session.output);
  }

  async all(sequences: readonly number[]): Promise<Completion> {
    const { services, selected } = this.#session;
    const mayBeKnown = this.#plan.cached !== undefined || this.#plan.needsFacts;
    const cache = mayBeKnown ? await selected.view.openCache() : undefined;
    try {
      const { largeMessage: memory, flagLists: flags } = selected;
      const isUidOnly = this.#session.enabled.has('UIDONLY');
      const world = { ...services.reading, memory, room: new ReadingRoom(), flags, cache, isUidOnly };
      await this.#tell(sequences, new FetchAnswer(selected.view, this.#plan, this.#out, world));
    } finally {
      await cache?.close();
    }
    return this.#completion();
  }

  async #tell(sequences: readonly number[], answer: FetchAnswer): Promise<void> {
    const { output, selected } = this.#session;
    const setsSeen = this.#plan.setsSeen && !selected.view.isReadOnly;
    let newlySeen: ReadonlySet<number> = new Set();
    try {
      for (const [done, sequence] of sequences.entries()) {
        if (setsSeen && done % seenAtOnce === 0)
          newlySeen = await this.#setSeen(sequences.slice(done, done + seenAtOnce));
        const answered = this.#orTrouble(answer, sequence, newlySeen.has(sequence));
        this.#count(answered instanceof Promise ? await answered : answered);
        const isTurn = answered instanceof Promise || done % answersBetweenBreaths === 0;
        const pause = this.#out.taken() ?? (isTurn ? output.breathe() : undefined);
        if (pause !== undefined) await pause;
        if (output.isBroken) break;
      }
    } catch (error) {
      if (!(error instanceof BrokenAnswer)) throw error;
      this.#session.log.warning(`imap: ${this.#session.user}: FETCH: ${String(error.cause)}`);
      output.cut();
    } finally {
      await this.#out.flush();
    }
  }

  /** A message that cannot be read keeps nobody from the others. */
  #orTrouble(answer: FetchAnswer, sequence: number, isNewlySeen: boolean): Answered | Promise<Answered> {
    try {
      const answered = answer.message(sequence, isNewlySeen);
      return answered instanceof Promise ? answered.catch(this.#noteTrouble) : answered;
    } catch (error) {
      return this.#noteTrouble(error);
    }
  }

  #noteTrouble = (error: unknown): Answered => {
    if (!(error instanceof TemporaryError)) throw error;
    this.#trouble ??= error;
    return 'answered';
  };

  /** @returns the messages that had not been seen */
  async #setSeen(sequences: readonly number[]): Promise<ReadonlySet<number>> {
    const { view } = this.#session.selected;
    const unseen = sequences.filter((sequence) => {
      const flags = view.flagsAt(sequence);
      return flags !== undefined && (flags & flagBits.seen) === 0;
    });
    if (unseen.length === 0) return new Set();
    await view.store(unseen, { mode: 'add', flags: flagBits.seen, keywords: [] }, { isSilent: true });
    return new Set(unseen);
  }

  #count(answered: Answered): void {
    if (answered === 'gone') this.#gone++;
    if (answered === 'unknown encoding') this.#unknownEncodings++;
  }

  /** RFC 2180 4.1.2: what is there is sent, and the client is told that something is missing. A UID that is gone is no fault of the client. */
  #completion(): Completion {
    if (this.#trouble !== undefined) throw this.#trouble;
    if (this.#unknownEncodings > 0) return no('Unknown Content-Transfer-Encoding.', 'UNKNOWN-CTE');
    if (this.#gone === 0) return ok('Fetch completed.');
    if (this.#isUid) return ok('Some messages were already expunged.', 'EXPUNGEISSUED');
    return no('Some of the requested messages no longer exist.', 'EXPUNGEISSUED');
  }
}
