// TLS for servers under test, with a certificate that is in no file.

import { Layout } from '../../src/layout.js';
import { silentLog } from '../../src/log.js';
import { createServerTls, type ServerTls, secureContextOptions } from '../../src/servers/server-tls.js';
import { Certificates } from '../../src/stores/certificates/certificates.js';
import { makeSelfSigned } from '../../src/stores/certificates/self-signed.js';
import { ownSource } from '../../src/stores/certificates/source.js';

/** Made once: a key costs a tenth of a second. */
let made: Promise<string> | undefined;

/** TLS with one certificate, for mail.example.jp. */
export async function oneCertificate(isForOldClients = false, handshakeMs?: number): Promise<ServerTls> {
  made ??= makeSelfSigned(['mail.example.jp'], 30, Date.now());
  const bytes = Buffer.from(await made);
  const read = async (file: string): Promise<Buffer | undefined> => (file === '/dev/null' ? bytes : undefined);
  return tlsWith([{ certificate: '/dev/null' }], isForOldClients, read, handshakeMs);
}

/** TLS that has no certificate. */
export function noCertificate(): ServerTls {
  return tlsWith([], false, async () => undefined);
}

function tlsWith(
  files: readonly { certificate: string }[],
  isForOldClients: boolean,
  read: (file: string) => Promise<Buffer | undefined>,
  handshakeMs?: number,
): ServerTls {
  const layout = new Layout({ root: '/nonexistent' });
  const options = secureContextOptions(isForOldClients);
  const certificates = new Certificates({ layout, log: silentLog, files, options, source: { ...ownSource, read } });
  return createServerTls(certificates, handshakeMs);
}
