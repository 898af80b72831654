// XCLIENT and XFORWARD: a front end that is trusted says for whom it speaks (protocols/xclient.ts).
//
//   XCLIENT    from here on the session is that client's: access rules, limits, relay rights, Received and log lines go by it. It begins anew, with a greeting. A HELO word that is given
//              is kept, whatever the front end says in its own EHLO. LOGIN names who has logged in there, and may relay, as whom and how much as if it had
//              logged in here (submission/user.ts)
//   XFORWARD   the next message came from that client: the log says so, and nothing else changes
//
// Who is trusted is decided by where the connection came from, once: a client that is spoken for is never trusted itself. To others neither is offered, and both are refused.
// An address that the front end does not know takes away what the front end's own would have allowed.

import { ucspiAddress } from '../../formats/ucspi-address.js';
import {
  AttributeError,
  type ClientAttributes,
  dovecotNames,
  parseAttributes,
  xclientNames,
  xforwardNames,
} from '../../protocols/xclient.js';
import type { Origin } from '../origin.js';
import { announce, type Dialog, endTransaction, SessionEnd } from './dialog.js';
import { newReplies, refusal, replies } from './replies.js';
import { logOut, namedUser } from './submission/user.js';

/** What EHLO offers to those who are trusted. */
export const frontEndKeywords: readonly string[] = [
  `XCLIENT ${xclientNames.join(' ')}`,
  `XFORWARD ${xforwardNames.join(' ')}`,
];

/** The first line of a session. */
export function greetingOf({ context, greeting }: Dialog): string {
  return `220 ${greeting} ${context.flavour === 'lmtp' ? 'LMTP' : 'ESMTP'}`;
}

/** @throws SessionEnd when the client may not have a session, and what reading the rules throws */
export async function xclient(dialog: Dialog, argument: string): Promise<string> {
  const { context } = dialog;
  const names = context.flavour === 'lmtp' ? [...xclientNames, ...dovecotNames] : xclientNames;
  const attributes = readAttributes(dialog, argument, names);
  if (typeof attributes === 'string') return attributes;
  const origin = originOf(dialog.origin, attributes);
  const isMoved = origin.remoteIp !== undefined && origin.remoteIp !== dialog.origin.remoteIp;
  if (isMoved && (await origin.moveTo?.(origin.remoteIp)) !== undefined)
    throw new SessionEnd(refusal(421, '4.7.0', 'too many connections from this client'));
  logOut(dialog);
  const { client } = dialog;
  const visitor = {
    name: changed(attributes, 'NAME', client.remoteHost),
    via: client.via ?? client.address,
    login: changed(attributes, 'LOGIN', client.login),
  };
  const admitted = context.admit(origin, visitor);
  if (admitted === undefined) throw new SessionEnd(newReplies.deniedClient);
  endTransaction(dialog);
  announce(dialog);
  const { login } = visitor;
  const { users, flavour } = context;
  // What comes by LMTP is nobody's to send.
  const user = login === undefined || users === undefined || flavour === 'lmtp' ? undefined : namedUser(users, login);
  Object.assign(dialog, { client: admitted, origin, user, isAnnounced: false, forwarded: undefined });
  dialog.givenHelo = changed(attributes, 'HELO', dialog.givenHelo);
  dialog.helo = dialog.givenHelo;
  announce(dialog);
  return greetingOf(dialog);
}

export function xforward(dialog: Dialog, argument: string): string {
  const attributes = readAttributes(dialog, argument, xforwardNames);
  if (typeof attributes === 'string') return attributes;
  dialog.forwarded = new Map([...(dialog.forwarded ?? []), ...attributes]);
  return replies.ok;
}

/** The attributes, or the reply that refuses them. */
function readAttributes(dialog: Dialog, argument: string, names: readonly string[]): ClientAttributes | string {
  if (!dialog.speaksForOthers) return newReplies.notTrusted;
  if (dialog.transaction !== undefined) return newReplies.notNow;
  try {
    return parseAttributes(argument, names);
  } catch (error) {
    if (error instanceof AttributeError) return refusal(501, '5.5.4', error.message);
    throw error;
  }
}

function changed(attributes: ClientAttributes, name: string, before: string | undefined): string | undefined {
  return attributes.has(name) ? attributes.get(name) : before;
}

/** An address that is not known is none, whatever the connection's own is. */
function originOf(before: Origin, attributes: ClientAttributes): Origin {
  const address = (name: 'ADDR' | 'DESTADDR', otherwise: string | undefined): string | undefined => {
    const text = changed(attributes, name, otherwise);
    return text === undefined ? undefined : ucspiAddress(text);
  };
  const port = (name: 'PORT' | 'DESTPORT', otherwise: number | undefined): number | undefined => {
    const text = changed(attributes, name, otherwise?.toString());
    return text === undefined ? undefined : Number(text);
  };
  return {
    ...before,
    remoteIp: address('ADDR', before.remoteIp),
    remotePort: port('PORT', before.remotePort),
    localIp: address('DESTADDR', before.localIp),
    localPort: port('DESTPORT', before.localPort),
  };
}
