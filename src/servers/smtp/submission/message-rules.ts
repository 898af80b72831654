// What is asked of a user's message, and what is done for it (RFC 6409 6 and 8):
//
//   MAIL    the sender is an address of the account (--sender-check); the empty sender is everybody's, for receipts and the like
//           there is room in what the user may send within an hour (--rate-messages, --rate-recipients)
//   RCPT    so is for each recipient
//   DATA    the message is counted; what it lacks of Date and Message-ID is added; at its end, From names addresses of the account (--from-check)
//
// A sender that cannot be looked at now is put off.

import { leadsTo } from '../../../delivery/resolution/leads-to.js';
import { lower, splitAddress } from '../../../mail/address.js';
import { qmailDate } from '../../../mail/dates.js';
import { qmailMessageId } from '../../../mail/message-id.js';
import { MissingFields } from '../../../mail/missing-fields.js';
import { askControls, type Dialog, whose } from '../dialog.js';
import type { UserRules } from '../message.js';
import { refusal } from '../replies.js';
import { FromCheck } from './from-check.js';
import type { SenderCheck } from './policy.js';
import type { SessionUser } from './user.js';

/**
 * Whether a user may begin a message with this sender.
 * @returns how many recipients it may have, or the reply that refuses it
 * @throws TemporaryError, CorruptFileError
 */
export async function permission(dialog: Dialog, user: SessionUser, sender: string): Promise<number | string> {
  const isOwn = sender === '' || (await isAddressOf(dialog, user, sender, user.services.policy.senderCheck));
  if (!isOwn)
    return refused(dialog, sender, refusal(553, '5.7.1', `sorry, <${sender}> is not an address of ${user.address}`));
  const answer = await user.services.rates?.ask(user.address, 1, false);
  if (answer === undefined) return Number.MAX_SAFE_INTEGER;
  return answer.isWithin ? answer.recipientsLeft : tooMuch(answer.retrySeconds);
}

/** Counts a message. @returns the reply that puts it off; undefined when it may come */
export async function countMessage(
  { address, services }: SessionUser,
  recipients: number,
): Promise<string | undefined> {
  const answer = await services.rates?.ask(address, recipients, true);
  return answer === undefined || answer.isWithin ? undefined : tooMuch(answer.retrySeconds);
}

/** What is done with a message on its way in. @param number that of the message, in its Message-ID too */
export function userRules(dialog: Dialog, user: SessionUser, number: number, unixSeconds: number): UserRules {
  const { context } = dialog;
  const idHost = askControls(context, (control) => control.line('idhost') ?? control.me() ?? 'idhost');
  const fields = new MissingFields([
    { name: 'Date', value: qmailDate(unixSeconds) },
    { name: 'Message-ID', value: qmailMessageId(unixSeconds, number, idHost) },
  ]);
  const { fromCheck } = user.services.policy;
  const isOwn = (address: string): Promise<boolean> => isAddressOf(dialog, user, address, fromCheck);
  return { fields, check: fromCheck === 'any' ? undefined : new FromCheck(user.address, isOwn) };
}

async function isAddressOf(
  { context }: Dialog,
  { account, services }: SessionUser,
  address: string,
  check: SenderCheck,
): Promise<boolean> {
  if (check === 'any' || account === undefined) return true;
  const { domain } = splitAddress(address);
  if (domain === undefined) return false;
  if (check === 'domain' && services.domain(lower(domain))?.name === account.domain) return true;
  return leadsTo(context.delivery, account, address);
}

function tooMuch(retrySeconds: number): string {
  const minutes = Math.ceil(retrySeconds / 60);
  return refusal(450, '4.7.1', `you have sent as much as you may within an hour, try again in ${minutes} minutes`);
}

function refused(dialog: Dialog, sender: string, reply: string): string {
  const { log, flavour } = dialog.context;
  log.info(`${flavour}: refused sender <${sender}> client ${whose(dialog)}: ${reply}`);
  return reply;
}
