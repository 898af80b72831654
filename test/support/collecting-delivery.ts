// A delivery for tests of the SMTP server: it takes every recipient, as qmail-queue does, and keeps what it was handed. What becomes of a recipient, and of a
// message at its end, can be set.

import type { Delivery, Envelope, IncomingMessage } from '../../src/delivery/accept.js';
import type { Outcome, Resolution } from '../../src/delivery/resolution/resolution.js';

export interface CollectedMessage {
  readonly sender: string;
  readonly recipients: readonly string[];
  /** Received lines and body, Latin-1. */
  readonly text: string;
}

export interface CollectingDelivery extends Delivery {
  /** Messages that were committed, in order. */
  readonly messages: readonly CollectedMessage[];
  /** Messages that were accepted and neither committed nor aborted. */
  readonly open: number;
  readonly aborted: number;
  readonly resolved: readonly string[];
}

export interface CollectingOptions {
  readonly outcome?: (recipient: string) => Outcome | Promise<Outcome>;
  /** Runs before a message counts as committed; what it throws is the message's fate. */
  readonly beforeCommit?: (envelope: Envelope) => void | Promise<void>;
  /** Runs at each write; may give a promise to be waited for. */
  readonly onWrite?: (chunk: Buffer) => void | Promise<void>;
}

const delivered: Outcome = { kind: 'deliver', maildirs: [], loopLines: { exact: [], anyCase: [] } };

export function collectingDelivery(options: CollectingOptions = {}): CollectingDelivery {
  const messages: CollectedMessage[] = [];
  const resolved: string[] = [];
  const counts = { open: 0, aborted: 0 };
  const answer = (recipient: string, outcome: Outcome): Resolution => ({ recipient, outcome });
  return {
    messages,
    resolved,
    get open() {
      return counts.open;
    },
    get aborted() {
      return counts.aborted;
    },
    resolve(recipient) {
      resolved.push(recipient);
      const outcome = options.outcome?.(recipient) ?? delivered;
      return outcome instanceof Promise
        ? outcome.then((settled) => answer(recipient, settled))
        : answer(recipient, outcome);
    },
    accept: (envelope) => incoming(envelope, options, messages, counts),
  };
}

function incoming(
  envelope: Envelope,
  options: CollectingOptions,
  messages: CollectedMessage[],
  counts: { open: number; aborted: number },
): IncomingMessage {
  const chunks: Buffer[] = [];
  let isOpen = true;
  counts.open++;
  const end = (): void => {
    if (!isOpen) throw new Error('a message was ended twice');
    isOpen = false;
    counts.open--;
  };
  return {
    write(chunk) {
      if (!isOpen) throw new Error('a write after the end');
      chunks.push(chunk);
      return options.onWrite?.(chunk);
    },
    async prepare() {},
    async commit() {
      end();
      await options.beforeCommit?.(envelope);
      const recipients = envelope.recipients.map(({ recipient }) => recipient);
      const text = envelope.receivedLines + Buffer.concat(chunks).toString('latin1');
      messages.push({ sender: envelope.sender, recipients, text });
    },
    async abort() {
      end();
      counts.aborted++;
    },
  };
}
