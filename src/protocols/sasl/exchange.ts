// SASL (RFC 4422), the server's side: how one exchange goes, whatever the mechanism and whatever the protocol around it. The protocols carry the bytes in base64:
//
//   SMTP      AUTH PLAIN AGEAYg==     334 base64     235 / 535       RFC 4954
//   POP3      AUTH PLAIN AGEAYg==     + base64       +OK / -ERR      RFC 5034
//   IMAP      a AUTHENTICATE PLAIN    + base64       a OK / a NO     RFC 9051 6.2.2, 4959
//   Dovecot   AUTH 1 PLAIN resp=...   CONT 1 base64  OK / FAIL       formats/dovecot.md 6
//
// A mechanism is a state machine without I/O: it gets what the client sent, and gives back what is to be done next. It never looks a password up: at one point of every
// exchange it knows all that the client has to show (an `attempt`), and whether that is right is decided elsewhere and told to it.
//
// All texts are Latin-1 strings, one character a byte.

import type { DigestMd5Response } from './digest-md5-response.js';
import type { ScramProof } from './scram-proof.js';

export type MechanismName =
  | 'PLAIN'
  | 'LOGIN'
  | 'CRAM-MD5'
  | 'DIGEST-MD5'
  | 'SCRAM-SHA-1'
  | 'SCRAM-SHA-256'
  | 'SCRAM-SHA-1-PLUS'
  | 'SCRAM-SHA-256-PLUS';

/** What a client shows to prove who it is. */
export type SaslProof =
  | { readonly password: string }
  | { readonly cramMd5: { readonly challenge: string; readonly digest: string } }
  | { readonly digestMd5: DigestMd5Response }
  | { readonly scram: ScramProof };

export interface SaslAttempt {
  /** The name as the client gave it, not empty. */
  readonly login: string;
  readonly proof: SaslProof;
}

/** Whether an attempt was right; `serverProof` is what auth/secret.ts computed for mechanisms in which the server proves itself too. */
export type SaslDecision = { readonly ok: true; readonly serverProof?: string } | { readonly ok: false };

export type SaslStep =
  /** Send this to the client, and hand in its answer. `isLast`: the login is good, and after an empty answer the end is `success`. */
  | { readonly kind: 'say'; readonly bytes: Buffer; readonly isLast?: boolean }
  /** Decide this, and tell. */
  | { readonly kind: 'check'; readonly attempt: SaslAttempt }
  | { readonly kind: 'success' }
  /** `malformed`: what came is not of this mechanism. `reason`: what the mechanism itself found wrong, for the log. */
  | { readonly kind: 'failure'; readonly why: 'refused' | 'malformed'; readonly reason?: string };

/** One exchange. What is called out of order ends it as malformed. */
export interface SaslMechanism {
  readonly name: MechanismName;
  /** @param initial the initial response; undefined when there was none, which is another thing than an empty one */
  begin(initial: Buffer | undefined): SaslStep;
  answer(bytes: Buffer): SaslStep;
  decided(decision: SaslDecision): SaslStep;
}

/** What an exchange needs of the world. */
export interface SaslContext {
  /** Printable, without commas and quotes, never the same twice. */
  readonly nonce: string;
  /** The name of this host. */
  readonly host: string;
  readonly unixSeconds: number;
  /** The service name in DIGEST-MD5's digest-uri: `smtp`, `pop`, `imap`; undefined: it is not looked at. */
  readonly service?: string | undefined;
  /** The channel bindings that can be had, by type: `tls-exporter`, `tls-server-end-point`. Without any there is no -PLUS. */
  readonly channelBindings?: ReadonlyMap<string, Buffer> | undefined;
}

export const malformed: SaslStep = { kind: 'failure', why: 'malformed' };
export const refused: SaslStep = refusedSince(undefined);
/** An authorization identity other than the login. */
export const refusedForOther: SaslStep = refusedSince('it is to act for somebody else');

export function refusedSince(reason: string | undefined): SaslStep {
  return { kind: 'failure', why: 'refused', ...(reason !== undefined && { reason }) };
}

export function say(text: string): SaslStep {
  return { kind: 'say', bytes: Buffer.from(text, 'latin1') };
}

/** A client's line of base64 (RFC 4648 4), strictly. undefined for anything else. An empty line is no bytes. */
export function decodeBase64(text: string): Buffer | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  return Buffer.from(text, 'base64');
}

/** An initial response as SMTP, POP3 and IMAP carry it: `=` is an empty one. undefined: malformed. */
export function decodeInitialResponse(text: string): Buffer | undefined {
  if (text === '') return undefined;
  return text === '=' ? Buffer.alloc(0) : decodeBase64(text);
}
