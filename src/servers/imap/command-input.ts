// The commands of a client, each put together from its lines and literals (RFC 9051 2.2.1, 4.3; RFC 7888 LITERAL+).
//
//   C: a1 LOGIN {4}
//   S: + OK                         the client waits for it, unless it wrote {4+}
//   C: noel secret
//
// A literal is kept in memory up to a limit that depends on whether the client has logged in. The messages of APPEND are not: the command is given out when a message is
// announced, and whoever obeys it takes the bytes as they come and then asks for the rest of the command.
//
// A literal that is too large is refused: one that the client waits with is not sent then; one that it does not wait with is swallowed, as long as that can be borne.

import type { LineStream } from '../../net/line-stream.js';
import type { ReplyWriter } from '../../net/reply-writer.js';
import { type CommandPiece, type LiteralAnnouncement, literalAnnouncement } from '../../protocols/imap/decoder.js';

export interface CommandLimits {
  /** Of all the literals of a command that are kept. */
  readonly maxLiteralBytes: number;
  /** Of lines and literals that make a command. */
  readonly maxPieces: number;
}

export interface ClientCommand {
  readonly tag: string;
  /** In upper case; `UID FETCH` for the commands that UID begins. */
  readonly name: string;
  /** What follows the name and its blank. */
  readonly pieces: readonly CommandPiece[];
  /** A message that the client is about to send: see `announced` and `rest`. */
  readonly announced: LiteralAnnouncement | undefined;
}

/** A command that was not understood, with the answer that its client gets. */
export interface RefusedCommand {
  readonly tag: string;
  readonly problem: string;
  /** The connection cannot go on: what follows is no command. */
  readonly isFatal: boolean;
}

const tagged = /^([^\x00-\x20\x7f-\xff(){%*"\\+]{1,255}) +(.*)$/s;
const named = /^([A-Za-z0-9.\-_]{1,64})(?: +|$)(.*)$/s;
/** A literal that is not waited with and not wanted is read away up to here. */
const mostSwallowed = 64 * 1024 * 1024;

/** Commands whose literals are messages. */
const takesMessage = /^(?:UID )?(?:APPEND|REPLACE)$/;

export class CommandInput {
  readonly #lines: LineStream;
  readonly #output: ReplyWriter;
  limits: CommandLimits;

  constructor(lines: LineStream, output: ReplyWriter, limits: CommandLimits) {
    this.#lines = lines;
    this.#output = output;
    this.limits = limits;
  }

  /** @returns undefined when the client has gone or the stream was stopped */
  async next(): Promise<ClientCommand | RefusedCommand | undefined> {
    const line = await this.#lines.next();
    if (line === undefined) return undefined;
    const [, tag, rest] = tagged.exec(line) ?? [];
    if (tag === undefined || rest === undefined) return this.#refuseLine(line, '*', 'Error in IMAP command: no tag');
    const first = nameOf(rest);
    if (first === undefined) return this.#refuseLine(line, tag, 'Error in IMAP command: no command');
    return this.#collect(tag, first.name, first.rest);
  }

  /** A line that is no command may announce a literal all the same. */
  async #refuseLine(line: string, tag: string, problem: string): Promise<RefusedCommand | undefined> {
    const announced = literalAnnouncement(line);
    if (announced === undefined || announced.isSynchronizing) return { tag, problem, isFatal: false };
    return this.#swallow(announced, tag, problem);
  }

  async #collect(tag: string, name: string, first: string): Promise<ClientCommand | RefusedCommand | undefined> {
    const pieces: CommandPiece[] = [];
    let kept = 0;
    for (let line: string | undefined = first; line !== undefined; line = await this.#lines.next()) {
      const announced = literalAnnouncement(line);
      if (announced === undefined || takesMessage.test(name))
        return { tag, name, pieces: [...pieces, { text: announced?.text ?? line }], announced };
      kept += announced.bytes;
      if (kept > this.limits.maxLiteralBytes || pieces.length >= this.limits.maxPieces)
        return this.refuse(announced, tag, 'Too long argument');
      const bytes = await this.literal(announced);
      if (bytes === undefined) return undefined;
      pieces.push({ text: announced.text, literal: { bytes, isBinary: announced.isBinary } });
    }
    return undefined;
  }

  /** A literal that is kept in memory; undefined when the client has gone. The caller has seen that it is small. */
  async literal(announced: LiteralAnnouncement): Promise<Buffer | undefined> {
    await this.accept(announced);
    return this.#lines.bytes(announced.bytes);
  }

  /** Tells a client that waits to send its literal. */
  async accept(announced: LiteralAnnouncement): Promise<void> {
    if (!announced.isSynchronizing) return;
    this.#output.line('+ OK');
    await this.#output.flush();
  }

  /** The bytes of a message that was accepted. Ends early when the client goes. */
  async *message(announced: LiteralAnnouncement): AsyncGenerator<Buffer, void, undefined> {
    for (let missing = announced.bytes; missing > 0; ) {
      const piece = await this.#lines.piece(missing);
      if (piece === undefined) return;
      missing -= piece.length;
      yield piece;
    }
  }

  /** What follows a message in its command: a line, which may announce another one. */
  async rest(): Promise<{ readonly text: string; readonly announced: LiteralAnnouncement | undefined } | undefined> {
    const line = await this.#lines.next();
    if (line === undefined) return undefined;
    const announced = literalAnnouncement(line);
    return { text: announced?.text ?? line, announced };
  }

  /** Refuses a literal, and with it its command. @returns undefined when the client has gone */
  async refuse(announced: LiteralAnnouncement, tag: string, problem: string): Promise<RefusedCommand | undefined> {
    if (announced.isSynchronizing) return { tag, problem, isFatal: false };
    return this.#swallow(announced, tag, problem);
  }

  /** Reads a literal away that the client does not wait with, and the rest of its command. */
  async #swallow(announced: LiteralAnnouncement, tag: string, problem: string): Promise<RefusedCommand | undefined> {
    for (let next: LiteralAnnouncement | undefined = announced; next !== undefined; ) {
      if (next.bytes > mostSwallowed) return { tag, problem, isFatal: true };
      // The client waits, and will not send what it is not asked for.
      if (next.isSynchronizing) break;
      for await (const _ of this.message(next));
      const rest = await this.rest();
      if (rest === undefined) return undefined;
      next = rest.announced;
    }
    return { tag, problem, isFatal: false };
  }
}

function nameOf(text: string): { readonly name: string; readonly rest: string } | undefined {
  const [, word, rest = ''] = named.exec(text) ?? [];
  if (word === undefined) return undefined;
  const name = word.toUpperCase();
  if (name !== 'UID') return { name, rest };
  const second = named.exec(rest);
  return second === null ? { name, rest } : { name: `UID ${second[1]?.toUpperCase()}`, rest: second[2] ?? '' };
}
