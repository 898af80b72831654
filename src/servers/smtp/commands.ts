// The commands of a session: verb -> handler. Every handler reads its argument, looks at the state, acts and returns the reply; only the session's loop writes.
// What is accepted and in which order things are checked is qmail-smtpd's (formats/qmail.md 2.2 to 2.4): no HELO is needed, MAIL may come at any time, a sender in
// badmailfrom is told at RCPT, parameters are not checked. Beyond it:
//
//   MAIL  SIZE= above the limit is refused at once. A refused MAIL leaves no transaction (in qmail-smtpd an over-long address leaves the former one open)
//   RCPT  the recipient is resolved at once: an unknown mailbox is 550 5.1.1 here, not a bounce later

import type { Resolution } from '../../delivery/resolution.js';
import { isBadMailFrom } from '../../formats/bad-mail-from.js';
import {
  declaredSize,
  longestAddress,
  parsePath,
  replaceLiteral,
  type SmtpPath,
} from '../../protocols/smtp-address.js';
import { askControls, type Dialog, hasQueue, sizeLimit, traceOf } from './dialog.js';
import { MessageInput } from './message.js';
import { extendedHello, newReplies, refusal, replies } from './replies.js';

/** Answers a command. @throws SessionEnd, and anything that replyToError knows */
export type Handler = (dialog: Dialog, argument: string) => string | Promise<string>;

export const commands: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['HELO', hello],
  ['EHLO', extended],
  ['MAIL', mail],
  ['RCPT', recipient],
  ['DATA', data],
  ['RSET', reset],
  ['NOOP', () => replies.ok],
  ['VRFY', () => replies.verify],
  ['HELP', () => replies.help],
  ['QUIT', quit],
]);

function hello(dialog: Dialog, argument: string): string {
  dialog.transaction = undefined;
  dialog.helo = argument;
  return `250 ${dialog.greeting}`;
}

function extended(dialog: Dialog, argument: string): string {
  hello(dialog, argument);
  return extendedHello(dialog.greeting, sizeLimit(dialog));
}

function reset(dialog: Dialog): string {
  dialog.transaction = undefined;
  return replies.flushed;
}

function quit(dialog: Dialog): string {
  dialog.hasQuit = true;
  return `221 ${dialog.greeting}`;
}

function mail(dialog: Dialog, argument: string): string {
  dialog.transaction = undefined;
  const { address: sender, parameters } = readPath(dialog, argument);
  if (sender.length > longestAddress) return replies.addressTooLong;
  const declaredSizeBytes = declaredSize(parameters);
  const limit = sizeLimit(dialog);
  if (declaredSizeBytes !== undefined && limit > 0 && declaredSizeBytes > limit) return replies.tooBig;
  const isBadSender = askControls(dialog.context, (control) => isBadMailFrom(sender, control.badMailFrom()));
  dialog.transaction = { sender, isBadSender, declaredSizeBytes, recipients: [] };
  return replies.ok;
}

function recipient(dialog: Dialog, argument: string): string | Promise<string> {
  const { client, context, transaction } = dialog;
  if (transaction === undefined) return replies.mailFirst;
  const { address } = readPath(dialog, argument);
  if (address.length > longestAddress) return replies.addressTooLong;
  if (transaction.isBadSender) return refused(dialog, address, replies.badMailFrom);
  if (client.relaySuffix === undefined && !askControls(context, (control) => control.isAllowedRecipientDomain(address)))
    return refused(dialog, address, replies.notInRcptHosts);
  if (transaction.recipients.length >= context.limits.recipientsPerMessage) return newReplies.tooManyRecipients;
  const { declaredSizeBytes } = transaction;
  const options = declaredSizeBytes === undefined ? {} : { declaredSizeBytes };
  const resolution = context.delivery.resolve(address + (client.relaySuffix ?? ''), options);
  return resolution instanceof Promise
    ? resolution.then((answer) => addRecipient(dialog, answer))
    : addRecipient(dialog, resolution);
}

function addRecipient(dialog: Dialog, resolution: Resolution): string {
  const { outcome } = resolution;
  if (outcome.kind === 'deliver' || outcome.kind === 'discard' || (outcome.kind === 'queue' && hasQueue(dialog))) {
    dialog.transaction?.recipients.push(resolution);
    return replies.ok;
  }
  const cause = outcome.kind === 'defer' ? outcome.cause : undefined;
  return refused(dialog, resolution.recipient, refusal(outcome.code, outcome.status, outcome.text), cause);
}

/** Logs a refused recipient and gives the reply back. */
function refused(dialog: Dialog, address: string, reply: string, cause?: string): string {
  const text = `smtp: refused <${address}> from <${dialog.transaction?.sender}> client ${dialog.client.address}: ${reply}`;
  if (cause === undefined) dialog.context.log.info(text);
  else dialog.context.log.warning(`${text}: ${cause}`);
  return reply;
}

function data(dialog: Dialog): string {
  const { context, transaction } = dialog;
  if (transaction === undefined) return replies.mailFirst;
  const { sender, recipients } = transaction;
  if (recipients.length === 0) return replies.recipientFirst;
  dialog.transaction = undefined;
  const limit = sizeLimit(dialog);
  const qp = context.nextMessageNumber();
  const trace = traceOf(dialog, qp, Math.floor(Date.now() / 1000));
  const incoming = context.delivery.accept({ sender, recipients, ...trace });
  dialog.message = { qp, sender, recipients: recipients.length, input: new MessageInput(incoming, limit) };
  return replies.goAhead;
}

function readPath({ context }: Dialog, argument: string): SmtpPath {
  const path = parsePath(argument);
  if (!path.address.endsWith(']')) return path;
  const name = askControls(context, (control) => control.localIpHost());
  if (name === undefined) return path;
  return { ...path, address: replaceLiteral(path.address, name, (ip) => context.isOwnAddress(ip)) };
}
