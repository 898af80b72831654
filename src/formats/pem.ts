// A PEM file with certificates, keys and lists of revoked certificates (RFC 7468): qmail's control/servercert.pem holds both, Dovecot and certbot keep them apart.
//
//   -----BEGIN PRIVATE KEY-----           any order, text between the blocks is comment
//   -----BEGIN CERTIFICATE-----           the first is the host's own, the others lead to its issuer
//
// Blocks that are none of these (DH parameters of old patches) are left out. Nothing is decoded here.

export interface PemParts {
  /** Certificates, joined, in file order. '' when there is none. */
  readonly certificates: string;
  /** The first private key; undefined when there is none. */
  readonly key: string | undefined;
  /** Lists of revoked certificates, joined. */
  readonly revocations: string;
}

const block = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g;

/** Finds the certificates and the key. */
export function parsePem(bytes: Buffer): PemParts {
  const certificates: string[] = [];
  const revocations: string[] = [];
  let key: string | undefined;
  for (const [text, label = ''] of bytes.toString('latin1').matchAll(block)) {
    if (label === 'CERTIFICATE' || label === 'X509 CERTIFICATE' || label === 'TRUSTED CERTIFICATE')
      certificates.push(text);
    else if (label === 'X509 CRL') revocations.push(text);
    else if (label.endsWith('PRIVATE KEY')) key ??= text;
  }
  const joined = (texts: readonly string[]): string => texts.map((text) => `${text}\n`).join('');
  return { certificates: joined(certificates), key, revocations: joined(revocations) };
}
