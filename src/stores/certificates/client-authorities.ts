// Who vouches for clients that show certificates, as qmail's TLS patch has it:
//
//   control/clientca.pem     certificates of authorities; without it no client is asked for one
//   control/clientcrl.pem    what they have revoked; may be absent. With it, every authority needs a list there that is not over
//
// Whose certificates count is said by control/tlsclients, which is the SMTP server's business.

import { createHash, X509Certificate } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import { parsePem } from '../../formats/pem.js';

export interface ClientAuthorities {
  /** To be added to a context's. */
  readonly options: SecureContextOptions;
  /** Why nobody can be asked although the file is there. */
  readonly trouble?: string;
}

/** @param ca the bytes of clientca.pem @param crl those of clientcrl.pem; undefined where they are absent */
export function clientAuthorities(
  ca: Buffer | undefined,
  crl: Buffer | undefined,
  caFile: string,
): ClientAuthorities | undefined {
  if (ca === undefined) return undefined;
  const { certificates } = parsePem(ca);
  const each = certificates.match(/-----BEGIN[\s\S]*?-----END [A-Z0-9 ]+-----/g) ?? [];
  if (each.length === 0 || !each.every(isCertificate))
    return {
      options: {},
      trouble: `${caFile}: there is no certificate in it, or a broken one; no client is asked for its own`,
    };
  const { revocations } = parsePem(crl ?? Buffer.alloc(0));
  // Sessions that were begun under other authorities are not resumed.
  const sessionIdContext = createHash('sha256').update(certificates).update(revocations).digest('hex').slice(0, 32);
  return { options: { ca: each, ...(revocations !== '' && { crl: revocations }), sessionIdContext } };
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
