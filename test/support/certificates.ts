// Certificates for tests, made with openssl: an authority and what it signs, each with its key in one PEM file.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export interface Authority {
  /** Its certificate. */
  readonly pem: string;
  /** Its certificate's file. */
  readonly file: string;
  /** A key and the certificate for a name, in one PEM. */
  issue(name: string): string;
  /** The same for a client, with an e-mail address. */
  issueToClient(address: string): string;
  /** Revokes one. @returns the list of what is revoked, as PEM */
  revoke(pem: string): string;
}

/** @param folder where the files may lie @param name the authority's common name */
export function makeAuthority(folder: string, name = 'test authority'): Authority {
  const own = path.join(folder, name.replaceAll(' ', '-'));
  mkdirSync(own, { recursive: true });
  const openssl = (...args: string[]): void =>
    void execFileSync('openssl', args, { cwd: own, stdio: ['ignore', 'ignore', 'ignore'] });
  // RSA: OpenSMTPD as Debian has it cannot sign with others.
  const newKey = ['-newkey', 'rsa:2048', '-nodes'];
  openssl('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '30', '-subj', `/CN=${name}`);
  const read = (file: string): string => readFileSync(path.join(own, file), 'utf8');
  const issue = (subject: string, extensions: string): string => {
    openssl('req', ...newKey, '-keyout', 'leaf.key', '-out', 'leaf.csr', '-subj', subject);
    writeFileSync(path.join(own, 'leaf.ext'), extensions);
    const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '30', '-extfile', 'leaf.ext'];
    openssl('x509', '-req', '-in', 'leaf.csr', '-out', 'leaf.pem', ...by);
    return read('leaf.key') + read('leaf.pem');
  };
  const asAuthority = (...args: string[]): void => {
    const configuration = '[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\ndefault_md=sha256\ndefault_crl_days=30\n';
    writeFileSync(path.join(own, 'ca.cnf'), configuration);
    writeFileSync(path.join(own, 'index.txt'), '', { flag: 'a' });
    openssl('ca', '-config', 'ca.cnf', '-cert', 'ca.pem', '-keyfile', 'ca.key', ...args);
  };
  return {
    pem: read('ca.pem'),
    file: path.join(own, 'ca.pem'),
    issue: (host) => issue(`/CN=${host}`, `subjectAltName=DNS:${host}\n`),
    issueToClient: (address) => issue(`/CN=client/emailAddress=${address}`, ''),
    revoke(pem) {
      writeFileSync(path.join(own, 'revoked.pem'), pem);
      asAuthority('-revoke', 'revoked.pem');
      asAuthority('-gencrl', '-out', 'crl.pem');
      return read('crl.pem');
    },
  };
}
