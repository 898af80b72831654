// The local channel of the queue: qmail-lspawn's work (formats/qmail.md 5.2 to 5.4). For each recipient it finds the user and delivers as that user.
//
//   the way ends in Maildirs alone        written at once, by the process that has the owner's uid (delivery/accept)
//   anything else                         qmail-local in a process of the owner's uid and gid that has nothing of root (delivery/local/processes)
//   that could not be written             the same, which finds out why and says it in the original's words
//
//   qmail-local ends with       report
//   0                           success and its output
//   100                         failure and its output
//   111                         deferral and its output
//   anything else, a crash      deferral, since these are trouble of ours
//
// Not copied: qmail-lspawn throws away mail for an empty local part, and takes exit codes it does not know for failures: here those could only be trouble of ours.

import { describe } from '../../errors.js';
import type { Log } from '../../log.js';
import { splitAddress } from '../../mail/address.js';
import { assignmentsTrouble } from '../../stores/users.js';
import type { Delivery } from '../accept.js';
import type { DeliveryAttempt, DeliveryChannel, DeliveryReport, QueuedMessage } from '../report.js';
import type { LocalRecipient } from '../resolution/assignment.js';
import type { Resolution } from '../resolution/resolution.js';
import type { Resolver } from '../resolution/resolve.js';
import type { LocalArguments } from './arguments.js';
import { messagePieces } from './message-pieces.js';

/** A delivery that needs a process of its own. */
export interface LocalTask {
  readonly about: LocalArguments;
  readonly owner: { readonly uid: number; readonly gid: number };
  readonly message: QueuedMessage;
}

/** How such a process ended, and what it said on both outputs, Latin-1. */
export type LocalEnd = { readonly output: string } & ({ readonly status: number } | { readonly signal: string });

export interface LocalChannelContext {
  readonly resolver: Resolver;
  /** What writes into the Maildirs of a user with the uid of their owner; undefined: only the user's own process does. */
  readonly deliveryFor: (user: LocalRecipient) => Delivery | undefined;
  /** Runs qmail-local with the uid and gid of the owner. @throws the system error when that is not possible */
  readonly run: (task: LocalTask) => Promise<LocalEnd>;
  /** What an empty or missing .qmail means: qmail-start's argument. */
  readonly defaultDelivery: () => string;
  readonly log: Log;
}

const longestReport = 3000;
const keptOfLongReport = 2966;

export function createLocalChannel(context: LocalChannelContext): DeliveryChannel {
  const running = new Set<Promise<unknown>>();
  const deliverOne = async (attempt: DeliveryAttempt, recipient: string): Promise<DeliveryReport> => {
    try {
      return await deliverTo(context, attempt, recipient);
    } catch (error) {
      context.log.warning(`delivery of msg ${attempt.message.id} to ${recipient}: ${describe(error)}`);
      return deferral('Temporary failure in qmail-lspawn.');
    }
  };
  return {
    async deliver(attempt, report) {
      const all = Promise.all(
        attempt.recipients.map(async (recipient, index) => report(index, await deliverOne(attempt, recipient))),
      );
      running.add(all);
      await all.finally(() => running.delete(all));
    },
    async close() {
      await Promise.allSettled(running);
    },
  };
}

async function deliverTo(
  context: LocalChannelContext,
  attempt: DeliveryAttempt,
  recipient: string,
): Promise<DeliveryReport> {
  const { local, domain } = splitAddress(recipient);
  if (domain === undefined) return failure('Sorry, address must include host name. (#5.1.3)');
  if (local === '') return failure('Sorry, an address needs a name before the @. (#5.1.3)');
  const assigned = context.resolver.resolveAssigned(recipient);
  if (assigned.local === undefined) return deferral(lspawnText(assigned.resolution));
  const delivery = context.deliveryFor(assigned.local);
  if (delivery !== undefined && assigned.resolution.outcome.kind === 'deliver') {
    const report = await intoMaildirs(delivery, attempt, assigned.resolution);
    if (report !== undefined) return report;
  }
  return inProcess(context, attempt, assigned.local);
}

/** undefined when it could not be done: nothing was written then. */
async function intoMaildirs(
  delivery: Delivery,
  { message, sender }: DeliveryAttempt,
  resolution: Resolution,
): Promise<DeliveryReport | undefined> {
  const incoming = delivery.accept({ sender, recipients: [resolution], receivedLines: '' });
  try {
    for await (const piece of messagePieces(message.path)) await incoming.write(piece);
    await incoming.commit();
  } catch {
    await incoming.abort();
    return undefined;
  }
  const { outcome } = resolution;
  const targets = outcome.kind === 'deliver' ? outcome.maildirs : [];
  const files = targets.filter(({ style }) => style === 'qmail-local').length;
  return { outcome: 'success', text: `did ${files}+0+${targets.length > files ? 1 : 0}\n` };
}

async function inProcess(
  { run, defaultDelivery }: LocalChannelContext,
  { message, sender }: DeliveryAttempt,
  recipient: LocalRecipient,
): Promise<DeliveryReport> {
  const { user, hostDirectory: home, dash, extension, address, domain, owner } = recipient;
  const { local } = splitAddress(address);
  const about = { user, home, local, dash, extension, domain, sender, defaultDelivery: defaultDelivery() };
  const end = await run({ about, owner, message });
  if ('signal' in end) return deferral('qmail-local crashed.');
  const text = reportText(end.output);
  if (end.status === 0) return { outcome: 'success', text };
  if (end.status === 100) return { outcome: 'failure', text };
  return end.status === 111 ? { outcome: 'deferral', text } : deferral(`${text}Unable to run qmail-local.`);
}

/** What is kept of a long output (formats/qmail.md 5.4). */
function reportText(output: string): string {
  const [text = ''] = output.split('\0', 1);
  if (text.length <= longestReport) return text;
  return `${text.slice(0, keptOfLongReport)}\nError report too long, sorry.\n`;
}

function deferral(text: string): DeliveryReport {
  return { outcome: 'deferral', text: `${text}\n` };
}

function failure(text: string): DeliveryReport {
  return { outcome: 'failure', text: `${text}\n` };
}

/** Why nobody is known as whom to deliver, in qmail-lspawn's words, which hold no status (formats/qmail.md 5.4). */
function lspawnText({ outcome }: Resolution): string {
  if (!('text' in outcome)) return 'Temporary failure in qmail-lspawn.';
  if (outcome.text === assignmentsTrouble) return 'Trouble reading users/cdb in qmail-lspawn.';
  return outcome.text.replace(/ \(#4\.\d\.\d\)$/, '');
}
