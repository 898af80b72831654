// The commands of a session: verb -> handler. Every handler reads its argument, looks at the state, acts and returns the reply; only the session's loop writes.
// What is accepted and in which order things are checked is qmail-smtpd's (formats/qmail.md 2.2 to 2.4): no HELO is needed, MAIL may come at any time, a sender in
// badmailfrom is told at RCPT, parameters are not checked. Beyond it:
//
//   MAIL  SIZE= above the limit is refused at once. A refused MAIL leaves no transaction (in qmail-smtpd an over-long address leaves the former one open)
//   RCPT  the recipient is resolved at once: an unknown mailbox is 550 5.1.1 here, not a bounce later

import type { Resolution } from '../../delivery/resolution/resolution.js';
import { rewrite } from '../../formats/controls/address-rewriting.js';
import { isBadMailFrom } from '../../formats/controls/bad-mail-from.js';
import {
  declaredSize,
  longestAddress,
  parsePath,
  replaceLiteral,
  type SmtpPath,
} from '../../protocols/smtp-address.js';
import { type Flavour, isForUsers } from './admission.js';
import { certifiedUser } from './certified.js';
import {
  announce,
  askControls,
  type Dialog,
  endTransaction,
  hasQueue,
  sizeLimit,
  type Transaction,
  traceOf,
  whose,
} from './dialog.js';
import { frontEndKeywords, xclient, xforward } from './front-end.js';
import { MessageInput } from './message.js';
import { isProbeSender } from './probes.js';
import { extendedHello, newReplies, refusal, replies } from './replies.js';
import { mayBegin, startTls, startTlsKeywords } from './start-tls.js';
import { authenticate, authKeywords, needsTlsFirst } from './submission/authentication.js';
import { countMessage, permission, userRules } from './submission/message-rules.js';
import { authReplies } from './submission/replies.js';

/** Answers a command. @throws SessionEnd, and anything that replyToError knows */
export type Handler = (dialog: Dialog, argument: string) => string | Promise<string>;

const shared: readonly (readonly [string, Handler])[] = [
  ['MAIL', mail],
  ['RCPT', recipient],
  ['DATA', data],
  ['RSET', reset],
  ['NOOP', () => replies.ok],
  ['VRFY', () => replies.verify],
  ['HELP', () => replies.help],
  ['QUIT', quit],
  ['STARTTLS', startTls],
  ['XCLIENT', xclient],
  ['XFORWARD', xforward],
];

const smtpCommands = new Map<string, Handler>([['HELO', hello], ['EHLO', extended], ['AUTH', authenticate], ...shared]);

/** The commands of each flavour. RFC 2033 4.1: LMTP has LHLO in the place of HELO and EHLO, which are refused. */
export const commands: Readonly<Record<Flavour, ReadonlyMap<string, Handler>>> = {
  smtp: smtpCommands,
  submission: smtpCommands,
  smtps: smtpCommands,
  lmtp: new Map<string, Handler>([
    ['LHLO', extended],
    ['HELO', () => newReplies.notLmtp],
    ['EHLO', () => newReplies.notLmtp],
    ...shared,
  ]),
};

function hello(dialog: Dialog, argument: string): string {
  endTransaction(dialog);
  dialog.forwarded = undefined;
  dialog.helo = dialog.givenHelo ?? argument;
  return `250 ${dialog.greeting}`;
}

function extended(dialog: Dialog, argument: string): string | Promise<string> {
  hello(dialog, argument);
  const ofFrontEnd = dialog.speaksForOthers ? frontEndKeywords : [];
  const reply = (others: readonly string[]): string =>
    extendedHello(dialog.greeting, sizeLimit(dialog), [...others, ...authKeywords(dialog), ...ofFrontEnd]);
  return mayBegin(dialog) ? startTlsKeywords(dialog).then(reply) : reply([]);
}

function reset(dialog: Dialog): string {
  endTransaction(dialog);
  dialog.forwarded = undefined;
  return replies.flushed;
}

function quit(dialog: Dialog): string {
  endTransaction(dialog);
  dialog.hasQuit = true;
  return `221 ${dialog.greeting}`;
}

function mail(dialog: Dialog, argument: string): string | Promise<string> {
  endTransaction(dialog);
  const { context, client } = dialog;
  if (isForUsers(context.flavour) && client.login === undefined && client.certificate === undefined)
    return needsTlsFirst(dialog) ? authReplies.tlsFirst : authReplies.first;
  if (client.certificate !== undefined && client.login === undefined) {
    const certified = certifiedUser(dialog);
    if (certified === 'closed') return authReplies.closed;
    dialog.user = certified;
  }
  const { user } = dialog;
  const { address: sender, parameters } = readPath(dialog, argument);
  if (sender.length > longestAddress) return replies.addressTooLong;
  const declaredSizeBytes = declaredSize(parameters);
  const limit = sizeLimit(dialog);
  if (declaredSizeBytes !== undefined && limit > 0 && declaredSizeBytes > limit) return replies.tooBig;
  const isBadSender = askControls(context, (control) => isBadMailFrom(sender, control.badMailFrom()));
  const heldBack = isProbeSender(sender) ? [] : undefined;
  if (heldBack === undefined) announce(dialog);
  const begin = (recipientsLeft: number): string => {
    dialog.transaction = { sender, isBadSender, declaredSizeBytes, recipients: [], asked: 0, heldBack, recipientsLeft };
    return replies.ok;
  };
  if (user === undefined) return begin(Number.MAX_SAFE_INTEGER);
  return permission(dialog, user, sender).then((answer) => (typeof answer === 'string' ? answer : begin(answer)));
}

function recipient(dialog: Dialog, argument: string): string | Promise<string> {
  const { client, context, transaction } = dialog;
  if (transaction === undefined) return replies.mailFirst;
  const { address } = readPath(dialog, argument);
  if (address.length > longestAddress) return replies.addressTooLong;
  transaction.asked++;
  if (transaction.isBadSender) return refused(dialog, address, replies.badMailFrom);
  // What comes by LMTP has been let in by the front end; whether it is for this host is seen below.
  const isAsked = context.flavour !== 'lmtp' && client.relaySuffix === undefined;
  if (isAsked && !askControls(context, (control) => control.isAllowedRecipientDomain(address)))
    return refused(dialog, address, replies.notInRcptHosts);
  if (transaction.recipients.length >= context.limits.recipientsPerMessage) return newReplies.tooManyRecipients;
  if (transaction.recipients.length >= transaction.recipientsLeft) return authReplies.tooManyRecipients;
  const { declaredSizeBytes } = transaction;
  const options = declaredSizeBytes === undefined ? {} : { declaredSizeBytes };
  const resolution = context.delivery.resolve(address + (client.relaySuffix ?? ''), options);
  return resolution instanceof Promise
    ? resolution.then((answer) => addRecipient(dialog, answer))
    : addRecipient(dialog, resolution);
}

function addRecipient(dialog: Dialog, resolution: Resolution): string {
  const { outcome } = resolution;
  const isRemote = outcome.kind === 'queue' && outcome.reason === 'remote';
  if (isRemote && !maySendElsewhere(dialog, resolution.recipient))
    return refused(dialog, resolution.recipient, replies.notInRcptHosts);
  if (outcome.kind === 'deliver' || outcome.kind === 'discard' || (outcome.kind === 'queue' && hasQueue(dialog))) {
    dialog.transaction?.recipients.push(resolution);
    return replies.ok;
  }
  const cause = outcome.kind === 'defer' ? outcome.cause : undefined;
  return refused(dialog, resolution.recipient, refusal(outcome.code, outcome.status, outcome.text), cause);
}

/**
 * Whether a recipient that has been let in may be one of another host. By LMTP none may. Otherwise `user%host@domain` with a domain of control/percenthack is one of `host`, of which
 * rcpthosts was not asked: qmail relays for everybody there. `host!user` without a domain is let in, and would come back as a bounce to who knows whom.
 */
function maySendElsewhere({ context, client }: Dialog, recipient: string): boolean {
  if (context.flavour === 'lmtp') return false;
  if (client.relaySuffix !== undefined || !/[%!]/.test(recipient)) return true;
  return askControls(context, (control) =>
    control.isAllowedRecipientDomain(rewrite(recipient, control.rewriting()).complete),
  );
}

/** Logs a refused recipient and gives the reply back. */
function refused(dialog: Dialog, address: string, reply: string, cause?: string): string {
  const { context, transaction } = dialog;
  const text = `${context.flavour}: refused <${address}> from <${transaction?.sender}> client ${whose(dialog)}: ${reply}`;
  if (cause !== undefined) context.log.warning(`${text}: ${cause}`);
  else if (transaction?.heldBack !== undefined) transaction.heldBack.push(text);
  else context.log.info(text);
  return reply;
}

function data(dialog: Dialog): string | Promise<string> {
  const { transaction, user } = dialog;
  if (transaction === undefined) return replies.mailFirst;
  if (transaction.recipients.length === 0) return replies.recipientFirst;
  announce(dialog);
  if (user?.services.rates === undefined) return openMessage(dialog, transaction);
  return countMessage(user, transaction.recipients.length).then(
    (refused) => refused ?? openMessage(dialog, transaction),
  );
}

function openMessage(dialog: Dialog, transaction: Transaction): string {
  const { context, user } = dialog;
  const { sender, recipients } = transaction;
  for (const line of transaction.heldBack ?? []) context.log.info(line);
  dialog.transaction = undefined;
  const limit = sizeLimit(dialog);
  const qp = context.nextMessageNumber();
  const unixSeconds = Math.floor(Date.now() / 1000);
  const trace = traceOf(dialog, qp, unixSeconds);
  const parts = partsOf(recipients, context.flavour, trace.submission.program !== undefined);
  const incoming = parts.map((part) => context.delivery.accept({ sender, recipients: part, ...trace }));
  const places = recipients.map((resolution) => ({
    address: resolution.recipient,
    part: parts.findIndex((part) => part.includes(resolution)),
  }));
  const rules = user === undefined ? undefined : userRules(dialog, user, qp, unixSeconds);
  dialog.message = { qp, sender, recipients: places, input: new MessageInput(incoming, limit, rules) };
  return replies.goAhead;
}

/**
 * Who gets the message together. By SMTP all do, since one answer ends DATA. By LMTP each has an answer of its own and gets it by itself, except that those whose way leads through the
 * queue, or through the program in its place, are one message there.
 */
function partsOf(
  recipients: readonly Resolution[],
  flavour: Flavour,
  goesThroughProgram: boolean,
): readonly (readonly Resolution[])[] {
  if (flavour !== 'lmtp' || goesThroughProgram) return [recipients];
  const queued = recipients.filter(({ outcome }) => outcome.kind === 'queue');
  const single = recipients.filter(({ outcome }) => outcome.kind !== 'queue').map((resolution) => [resolution]);
  return queued.length === 0 ? single : [...single, queued];
}

function readPath({ context }: Dialog, argument: string): SmtpPath {
  const path = parsePath(argument);
  if (!path.address.endsWith(']')) return path;
  const name = askControls(context, (control) => control.localIpHost());
  if (name === undefined) return path;
  return { ...path, address: replaceLiteral(path.address, name, (ip) => context.isOwnAddress(ip)) };
}
