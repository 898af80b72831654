// What two SMTP servers answer to the same recipients, and to logins. By the class of the answer: the words differ between any two servers, and no sender sees them.

import type { SmtpReply } from '../../src/protocols/smtp-reply.js';
import type { ServerAddress } from '../clients/server-address.js';
import { SmtpClient } from '../clients/smtp.js';
import type { Credentials } from './accounts.js';
import { compareLogins, type Found } from './difference.js';
import { type Looked, noCounts, type ServerPair } from './looked.js';
import { type AskedRecipient, elsewhere, type RecipientKind } from './recipients.js';

export interface Answer {
  readonly code: number;
  /** One line. */
  readonly text: string;
}

/** Servers slow down who asks for many that they refuse. */
const mostInASession = 8;

/** Compares the answers to recipients. @throws TemporaryError */
export async function lookAtRecipients(
  pair: ServerPair,
  recipients: readonly AskedRecipient[],
  from: string | undefined,
): Promise<Looked> {
  const old = await seeRecipients(pair.old, recipients, from);
  const ours = await seeRecipients(pair.new, recipients, from);
  const found = recipients.flatMap(({ address, kind }, index) => {
    const [before, now] = [old[index], ours[index]];
    const difference = before === undefined || now === undefined ? undefined : compareRecipient(kind, before, now);
    return difference === undefined ? [] : [{ of: address, ...difference }];
  });
  return { found, counts: { ...noCounts, recipients: recipients.length } };
}

/** The answers in the order of the recipients. */
async function seeRecipients(
  address: ServerAddress,
  recipients: readonly AskedRecipient[],
  from: string | undefined,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let at = 0; at < recipients.length; at += mostInASession) {
    const client = await SmtpClient.open(address, from);
    try {
      for (const { address: recipient } of recipients.slice(at, at + mostInASession))
        answers.push(answerOf(await client.recipient('', recipient)));
    } finally {
      client.close();
    }
  }
  return answers;
}

export interface SeenLogin {
  readonly login: Answer;
  /** The answer to a recipient elsewhere, from the user's address; undefined without a login. */
  readonly relay: Answer | undefined;
}

/** A login to send, and what it opens. @throws TemporaryError */
export async function seeLogin(
  address: ServerAddress,
  sender: string,
  { user, password }: Credentials,
  from?: string,
): Promise<SeenLogin> {
  const client = await SmtpClient.open(address, from);
  try {
    const reply = await client.logIn(user, password);
    const login = reply === undefined ? { code: 503, text: 'no login is offered' } : answerOf(reply);
    const relay = classOf(login) === 2 ? answerOf(await client.recipient(sender, `joe@${elsewhere}`)) : undefined;
    return { login, relay };
  } finally {
    client.close();
  }
}

/** undefined when a sender would notice nothing and nothing is to be said. */
function compareRecipient(kind: RecipientKind, old: Answer, ours: Answer): Found | undefined {
  const [before, now] = [classOf(old), classOf(ours)];
  if (before === now) return undefined;
  const found = { what: whatOf[kind], old: old.text, new: ours.text };
  if (isRefusal(old) && isRefusal(ours) && (kind === 'relay' || kind === 'trick'))
    return { ...found, cause: 'both refuse', isNoticed: false };
  if (before === 4 || now === 4)
    return {
      ...found,
      cause: 'a temporary answer (greylisting, trouble): see the log of that server',
      isNoticed: true,
    };
  return { ...found, ...causeOf(kind, before === 2, ours) };
}

/** For good, or by policy for now (Postfix's `454 4.7.1 Relay access denied`); trouble is another thing, behind which mail may be taken. */
function isRefusal({ code, text }: Answer): boolean {
  return code >= 500 || (code >= 400 && /\b4\.7\.\d/.test(text));
}

const whatOf: Readonly<Record<RecipientKind, string>> = {
  account: 'RCPT of an account',
  alias: 'RCPT of an alias',
  missing: 'RCPT of a name that nobody has',
  'catch-all': 'RCPT of a name that the catch-all takes',
  relay: 'RCPT of another host',
  trick: 'RCPT of another host in disguise',
};

function causeOf(kind: RecipientKind, isOldTaken: boolean, ours: Answer): { cause: string; isNoticed: boolean } {
  switch (kind) {
    case 'missing':
      return isOldTaken
        ? { cause: 'vqmail refuses at once what the old server takes and bounces', isNoticed: false }
        : { cause: 'vqmail route ADDRESS says where it would go', isNoticed: true };
    case 'trick':
      return isOldTaken
        ? { cause: 'vqmail takes no such address', isNoticed: false }
        : { cause: 'is it a mailbox? vqmail route ADDRESS says where it would go', isNoticed: true };
    case 'relay':
      return isOldTaken
        ? {
            cause: 'the old server relays for this address: add it to the access rules, with RELAYCLIENT=""',
            isNoticed: true,
          }
        : {
            cause: 'our access rules let this address relay: RELAYCLIENT in smtp.cdb, or no rcpthosts',
            isNoticed: true,
          };
    default:
      if (isOldTaken && ours.text.includes('5.2.2'))
        return {
          cause: 'a full mailbox is refused at once, where the old server takes the mail and bounces it',
          isNoticed: false,
        };
      return {
        cause: isOldTaken ? 'vqmail route ADDRESS says why' : 'the old server does not know it: its maps',
        isNoticed: true,
      };
  }
}

/** What differs between two logins to send. */
export function compareSendingLogins(old: SeenLogin, ours: SeenLogin): Found[] {
  const [isIn, isInOurs] = [classOf(old.login) === 2, classOf(ours.login) === 2];
  const logins = compareLogins(isIn, isInOurs, old.login.text, ours.login.text);
  if (logins !== undefined) return [logins];
  const [before, now] = [old.relay, ours.relay];
  if (before === undefined || now === undefined || (classOf(before) === 2) === (classOf(now) === 2)) return [];
  return [{ what: 'RCPT of another host after the login', old: before.text, new: now.text, isNoticed: true }];
}

function classOf({ code }: Answer): number {
  return Math.floor(code / 100);
}

function answerOf({ code, text }: SmtpReply): Answer {
  return { code, text: text.trim().replaceAll('\n', ' / ') };
}
