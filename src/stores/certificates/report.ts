// What is told of certificates: at the daemon's start, while it runs, and by `vqmail cert`.
//
//   /var/qmail/control/servercert.pem: mail.example.jp *.example.jp, until 2027-03-01
//   /var/qmail/control/servercert.pem: mail.example.jp *.example.jp, until 2026-12-01: it ends in 7 days: make a new one

import type { Layout } from '../../layout.js';
import type { Certificate } from './certificate.js';

export const dayMs = 86_400_000;
/** How long before its end a certificate is told of. */
export const warnBeforeMs = 14 * dayMs;

/** One line: the file, the names, the end. */
export function certificateLine({ files, names, notAfterMs }: Certificate, layout: Layout): string {
  const end = new Date(notAfterMs).toISOString().slice(0, 10);
  return `${layout.host(files.certificate)}: ${names.join(' ')}, until ${end}`;
}

/** What is wrong with a certificate that can be used; undefined: nothing. @param beforeMs how long before its end that is told */
export function problemOf(certificate: Certificate, nowMs: number, beforeMs: number): string | undefined {
  const leftMs = certificate.notAfterMs - nowMs;
  if (leftMs <= 0) return 'it is over: clients refuse it; make a new one';
  if (Date.parse(certificate.x509.validFrom) > nowMs) return 'it is not good yet: look at the clock of this host';
  if (leftMs > beforeMs) return undefined;
  return `it ends in ${Math.floor(leftMs / dayMs)} days: make a new one`;
}
