// A certificate that a host signs for itself: for trying, and for networks where everybody knows it. RSA, since the oldest clients know nothing else.

import { generateKeyPair, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import forge from 'node-forge';
import { PermanentError } from '../../errors.js';

const keyBits = 2048;
const dnsName = 2;
const ipAddress = 7;

/**
 * Makes one PEM with the key and the certificate.
 * @param names host names, wildcards and IP addresses, lower case; the first is the subject
 * @throws PermanentError for what is no name
 */
export async function makeSelfSigned(names: readonly string[], days: number, nowMs: number): Promise<string> {
  const [first] = names;
  if (first === undefined) throw new PermanentError('5.5.4', 'a certificate needs a name');
  for (const name of names) checkName(name);
  const pair = await promisify(generateKeyPair)('rsa', {
    modulusLength: keyBits,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(pair.publicKey);
  // A first byte that keeps it positive and is not padding.
  certificate.serialNumber = `01${randomBytes(15).toString('hex')}`;
  certificate.validity.notBefore = new Date(nowMs - 3_600_000);
  certificate.validity.notAfter = new Date(nowMs + days * 86_400_000);
  const subject = [{ name: 'commonName', value: first.slice(0, 64) }];
  certificate.setSubject(subject);
  certificate.setIssuer(subject);
  certificate.setExtensions([
    { name: 'basicConstraints', cA: false },
    { name: 'keyUsage', digitalSignature: true, keyEncipherment: true },
    { name: 'extKeyUsage', serverAuth: true },
    {
      name: 'subjectAltName',
      altNames: names.map((name) => (isIP(name) ? { type: ipAddress, ip: name } : { type: dnsName, value: name })),
    },
  ]);
  certificate.sign(forge.pki.privateKeyFromPem(pair.privateKey), forge.md.sha256.create());
  return `${pair.privateKey.trimEnd()}\n${forge.pki.certificateToPem(certificate).replaceAll('\r', '').trimEnd()}\n`;
}

function checkName(name: string): void {
  if (isIP(name) || /^(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/.test(name)) return;
  throw new PermanentError('5.5.4', `${name}: is neither a host name nor an address`);
}
