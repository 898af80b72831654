// One certificate with its key, as the files have them, and what it says: for whom, until when, whether the key fits.
//
//   control/servercert.pem                    certificate, chain and key in one file, as qmail's TLS patch has it
//   fullchain.pem and privkey.pem             in two, as certbot and Dovecot have them
//   cert.pem, privkey.pem and chain.pem       in three

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { ConfigurationError, PermanentError } from '../../errors.js';
import { statusOf } from '../../files/identity.js';
import { bytesPath } from '../../files/read.js';
import { parsePem } from '../../formats/pem.js';

/** Where a certificate and its key are. Disk paths. With neither `key` nor `keyBeside` both stand in one file. */
export interface CertificateFiles {
  readonly certificate: string;
  /** The file that has the key. */
  readonly key?: string | undefined;
  /** The file that has the key, if it is there; else the certificate's file has it. */
  readonly keyBeside?: string | undefined;
  /** The file with the certificates that lead to the issuer, where they are not in the certificate's own. */
  readonly chain?: string | undefined;
  /** The same, if it is there. */
  readonly chainBeside?: string | undefined;
}

/**
 * Reads `CERT`, `CERT:KEY` or `CERT:KEY:CHAIN`, as command lines have it.
 * @param place makes a disk path of each
 * @throws PermanentError for anything else, and for a file that is not there
 */
export function parseCertificateFiles(text: string, place: (file: string) => string): CertificateFiles {
  const refuse = (why: string): PermanentError => new PermanentError('5.5.4', `--tls-certificate ${text}: ${why}`);
  const written = text.split(':');
  if (written.length > 3 || written.includes('')) throw refuse('write it as CERT, CERT:KEY or CERT:KEY:CHAIN');
  const files = written.map(place);
  const absent = files.find((file) => !isThere(file));
  if (absent !== undefined) throw refuse(`there is no file ${absent}`);
  const [certificate = '', key, chain] = files;
  return { certificate, key, chain };
}

/** One that cannot be looked at may be there. */
function isThere(file: string): boolean {
  try {
    return statusOf(bytesPath(file)) !== undefined;
  } catch {
    return true;
  }
}

/** The bytes of the files of one certificate. */
export interface CertificateBytes {
  readonly certificate: Buffer;
  /** undefined when the key stands in the certificate's file. */
  readonly key?: Buffer | undefined;
  readonly chain?: Buffer | undefined;
}

export interface Certificate {
  readonly files: CertificateFiles;
  readonly context: SecureContext;
  readonly x509: X509Certificate;
  /** The names and addresses that it is for, lower case: `mail.example.jp`, `*.example.jp`. */
  readonly names: readonly string[];
  readonly notAfterMs: number;
}

/**
 * Makes one of the bytes of its files.
 * @param options versions and ciphers
 * @throws ConfigurationError, one line that says which file and what is wrong with it
 */
export function readCertificate(
  files: CertificateFiles,
  bytes: CertificateBytes,
  options: SecureContextOptions,
): Certificate {
  const { certificates: own, key: ownKey } = parsePem(bytes.certificate);
  const keyFile = (bytes.key && (files.key ?? files.keyBeside)) ?? files.certificate;
  const key = bytes.key === undefined ? ownKey : parsePem(bytes.key).key;
  if (own === '') throw new ConfigurationError(files.certificate, undefined, 'there is no certificate in it');
  if (key === undefined) throw new ConfigurationError(keyFile, undefined, 'there is no private key in it');
  const x509 = understood(files.certificate, 'the certificate', () => new X509Certificate(own));
  const privateKey = understood(keyFile, 'the private key', () => createPrivateKey(key));
  if (!x509.checkPrivateKey(privateKey))
    throw new ConfigurationError(
      keyFile,
      undefined,
      `the private key is not that of the certificate in ${files.certificate}`,
    );
  const chain = own + chainOf(files, bytes.chain);
  const context = understood(files.certificate, 'the chain', () =>
    createSecureContext({ ...options, cert: chain, key }),
  );
  return { files, context, x509, names: namesOf(x509), notAfterMs: Date.parse(x509.validTo) };
}

function chainOf(files: CertificateFiles, bytes: Buffer | undefined): string {
  if (bytes === undefined) return '';
  const { certificates } = parsePem(bytes);
  if (certificates !== '') return certificates;
  const file = files.chain ?? files.chainBeside ?? files.certificate;
  throw new ConfigurationError(file, undefined, 'there is no certificate in it');
}

function understood<T>(path: string, what: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError(path, undefined, `${what} cannot be used: ${why}`, error);
  }
}

function namesOf(x509: X509Certificate): readonly string[] {
  const listed = (x509.subjectAltName ?? '').split(', ').flatMap((entry) => {
    const [, name] = /^(?:DNS|IP Address):(.+)$/.exec(entry) ?? [];
    return name === undefined ? [] : [name.toLowerCase()];
  });
  if (listed.length > 0) return listed;
  const [, commonName] = /^CN=(.+)$/m.exec(x509.subject) ?? [];
  return commonName === undefined ? [] : [commonName.toLowerCase()];
}

/** Whether a certificate is for a host name. */
export function isFor(certificate: Certificate, serverName: string): boolean {
  return (
    certificate.x509.checkHost(serverName, { wildcards: true }) !== undefined ||
    certificate.names.includes(serverName.toLowerCase())
  );
}
