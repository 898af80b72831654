// What a client shows to prove who it is, and whether it is right for an account.
//
//   password      compared by crypt(3) with the hash in vpasswd
//   digest        POP3's APOP: MD5 of the banner's timestamp and the clear password, lower-case hexadecimal
//   cramMd5, digestMd5, scram     what those SASL mechanisms have (protocols/sasl)
//   response      a password or a digest, as vchkpw gets it on descriptor 3 without being told which: the digest is tried where a clear password is stored (APOP for POP3
//                 that is not webmail, CRAM-MD5 for SMTP), then the hash
//
// All but the password are only for accounts whose clear password is stored, and it alone counts: a hash that disagrees with it is not looked at.
// Without one the same work is done, with another password: whether an account exists, or has a clear password, shows neither in the answer nor in its time.
//
// Not copied: vchkpw takes an APOP digest for a password and the reverse, and lets no APOP login in from 127.0.0.1.

import { createHash, pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { cramMd5Digest } from '../protocols/sasl/cram-md5.js';
import { digestMd5Answers } from '../protocols/sasl/digest-md5-response.js';
import type { SaslProof } from '../protocols/sasl/exchange.js';
import { preparedPassword, type ScramProof, scramHashBytes, serverSignature } from '../protocols/sasl/scram-proof.js';
import type { Standing } from './guessing/gate.js';
import type { LoginKind } from './login-service.js';
import type { PasswordChecker } from './password.js';

/** All texts are Latin-1. */
export type Secret =
  | SaslProof
  | { readonly digest: string; readonly timestamp: string }
  | { readonly response: string; readonly timestamp: string };

/** What is stored of an account. */
export interface StoredSecret {
  readonly name: string;
  readonly passwd: string;
  readonly clearPasswd: string | undefined;
  readonly domain: string;
}

export type SecretDecision =
  /** `serverProof`: what a mechanism in which the server proves itself too sends back. */
  | { readonly isRight: true; readonly byClearPassword: boolean; readonly serverProof?: string }
  | { readonly isRight: false };

const wrong: SecretDecision = { isRight: false };

/** Whether this is a password, or may be one, so that a hash is computed for it. */
export function mayBePassword(secret: Secret): secret is Exclude<Secret, Proof> {
  return 'password' in secret || 'response' in secret;
}

/** What the client sent to prove it: a log line is about its being empty. */
export function secretText(secret: Secret): string {
  if ('password' in secret) return secret.password;
  if ('response' in secret) return secret.response;
  if ('digest' in secret) return secret.digest;
  if ('cramMd5' in secret) return secret.cramMd5.digest;
  return 'digestMd5' in secret ? secret.digestMd5.response : secret.scram.proof;
}

/** The way of logging in as vchkpw names it: LOGIN is PLAIN to it. */
export function methodName(secret: Secret): string {
  if ('digest' in secret) return 'APOP';
  if ('cramMd5' in secret) return 'CRAM-MD5';
  if ('digestMd5' in secret) return 'DIGEST-MD5';
  if ('scram' in secret) return secret.scram.hash === 'sha1' ? 'SCRAM-SHA-1' : 'SCRAM-SHA-256';
  return 'PLAIN';
}

/**
 * Decides for an account that has a password.
 * @throws Error when the hash cannot be computed here
 */
export async function checkSecret(
  secret: Secret,
  stored: StoredSecret,
  kind: LoginKind,
  passwords: PasswordChecker,
  standing?: Standing,
): Promise<SecretDecision> {
  if (!mayBePassword(secret)) return checkProof(secret, stored.clearPasswd);
  if ('response' in secret && (await isRightResponse(secret.response, secret.timestamp, stored, kind)))
    return { isRight: true, byClearPassword: true };
  const { name: account, passwd, domain } = stored;
  const isRight = await passwords.verify(secretText(secret), passwd, domain, { account, standing });
  return isRight ? { isRight, byClearPassword: false } : wrong;
}

/** Does the work of a wrong proof of a clear password. */
export async function pretendToCheck(secret: Secret): Promise<void> {
  if (!mayBePassword(secret)) await checkProof(secret, undefined);
}

async function isRightResponse(
  response: string,
  timestamp: string,
  { clearPasswd }: StoredSecret,
  kind: LoginKind,
): Promise<boolean> {
  if (timestamp === '') return false;
  if (kind === 'pop') return (await checkProof({ digest: response, timestamp }, clearPasswd)).isRight;
  if (kind !== 'smtp') return false;
  return (await checkProof({ cramMd5: { challenge: timestamp, digest: response } }, clearPasswd)).isRight;
}

type Proof = Exclude<SaslProof, { password: string }> | { readonly digest: string; readonly timestamp: string };

async function checkProof(proof: Proof, clearPasswd: string | undefined): Promise<SecretDecision> {
  const clear = clearPasswd ?? '';
  const decision = await compareProof(proof, clear);
  return clear === '' ? wrong : decision;
}

async function compareProof(proof: Proof, clear: string): Promise<SecretDecision> {
  if ('scram' in proof) return checkScram(proof.scram, clear);
  if ('digestMd5' in proof) {
    const answers = digestMd5Answers(proof.digestMd5, clear);
    const right = answers.filter(({ response }) => isSame(proof.digestMd5.response, response))[0];
    return right === undefined ? wrong : { isRight: true, byClearPassword: true, serverProof: right.rspauth };
  }
  const isRight =
    'digest' in proof
      ? proof.timestamp !== '' && isSame(proof.digest, apop(proof.timestamp, clear))
      : isSame(proof.cramMd5.digest, cramMd5Digest(proof.cramMd5.challenge, clear));
  return isRight ? { isRight, byClearPassword: true } : wrong;
}

const derive = promisify(pbkdf2);

async function checkScram(given: ScramProof, clear: string): Promise<SecretDecision> {
  const { hash, iterations } = given;
  const salt = Buffer.from(given.salt, 'base64');
  const salted = await derive(preparedPassword(clear), salt, iterations, scramHashBytes[hash], hash);
  const serverProof = serverSignature(given, salted);
  return serverProof === undefined ? wrong : { isRight: true, byClearPassword: true, serverProof };
}

function isSame(given: string, right: string): boolean {
  const [a, b] = [Buffer.from(given, 'latin1'), Buffer.from(right, 'latin1')];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** RFC 1939 section 7. */
export function apop(timestamp: string, clear: string): string {
  return createHash('md5')
    .update(Buffer.from(timestamp + clear, 'latin1'))
    .digest('hex');
}
