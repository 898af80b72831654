// The arithmetic of SCRAM (RFC 5802 3):
//
//   SaltedPassword = PBKDF2-HMAC(password, salt, i)      ClientKey = HMAC(SaltedPassword, "Client Key")      StoredKey = H(ClientKey)
//   ClientSignature = HMAC(StoredKey, AuthMessage)       ClientProof = ClientKey xor ClientSignature
//   ServerKey = HMAC(SaltedPassword, "Server Key")       ServerSignature = HMAC(ServerKey, AuthMessage)

import { isUtf8 } from 'node:buffer';
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

export type ScramHash = 'sha1' | 'sha256';

/** What a client has shown. */
export interface ScramProof {
  readonly hash: ScramHash;
  /** Base64. */
  readonly salt: string;
  readonly iterations: number;
  readonly authMessage: string;
  /** ClientProof, base64. */
  readonly proof: string;
}

export const scramHashBytes: Readonly<Record<ScramHash, number>> = { sha1: 20, sha256: 32 };

/** @returns the ServerSignature, base64, when the proof is right for the salted password; else undefined */
export function serverSignature(given: ScramProof, saltedPassword: Buffer): string | undefined {
  const { hash, authMessage } = given;
  const hmac = (key: Buffer, text: string): Buffer =>
    createHmac(hash, key).update(Buffer.from(text, 'latin1')).digest();
  const clientKey = hmac(saltedPassword, 'Client Key');
  const storedKey = createHash(hash).update(clientKey).digest();
  const right = xor(clientKey, hmac(storedKey, authMessage));
  const proof = Buffer.from(given.proof, 'base64');
  if (proof.length !== right.length || !timingSafeEqual(proof, right)) return undefined;
  return hmac(hmac(saltedPassword, 'Server Key'), authMessage).toString('base64');
}

/** ClientProof, base64, as a client computes it. */
export function clientProof(hash: ScramHash, saltedPassword: Buffer, authMessage: string): string {
  const clientKey = createHmac(hash, saltedPassword).update('Client Key').digest();
  const storedKey = createHash(hash).update(clientKey).digest();
  const signature = createHmac(hash, storedKey).update(Buffer.from(authMessage, 'latin1')).digest();
  return xor(clientKey, signature).toString('base64');
}

/** A password as it is hashed: clients normalize what is UTF-8 (SASLprep, RFC 4013). */
export function preparedPassword(password: string): Buffer {
  const bytes = Buffer.from(password, 'latin1');
  return isUtf8(bytes) ? Buffer.from(bytes.toString('utf8').normalize('NFKC'), 'utf8') : bytes;
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, index) => byte ^ (b[index] ?? 0)));
}
