// What the host has on disk for TLS with other hosts' servers, in the form of the widely used patch (formats/qmail.md 1.6), all below control/:
//
//   tlshosts/<fqdn>.pem       certificates of authorities: to that host nothing goes in clear, and its certificate has to be from one of them, for its name
//   tlshosts/exhaustivelist   if it exists: no TLS with any other host
//   notlshosts/<fqdn>         if it exists: no TLS with that host
//   clientcert.pem            our certificate chain and its key in one file, shown to servers that ask
//
// <fqdn> is the name of the MX host, or of the relay in smtproutes, in lower case. Files are looked at for each connection. A clientcert.pem that
// cannot be used is told to the log, and the connection goes on without it, as the patch does: the other side complains if it needs one.

import tls from 'node:tls';
import { statusOf } from '../../files/identity.js';
import { bytesPath } from '../../files/read.js';
import { Snapshot, Snapshots } from '../../files/snapshot.js';
import type { Layout } from '../../layout.js';
import type { Log } from '../../log.js';
import { lower } from '../../mail/address.js';

/** What the files say about TLS with one host. */
export type TlsRule =
  | { readonly kind: 'never' }
  | { readonly kind: 'may' }
  | { readonly kind: 'verified'; readonly authorities: string; readonly file: string };

export class TlsFiles {
  readonly #layout: Layout;
  readonly #authorities = new Snapshots<string>((bytes) => bytes.toString('latin1'), { files: 100, bytes: 1 << 20 });
  readonly #clientCertificate: Snapshot<string | undefined>;

  constructor(layout: Layout, log: Log) {
    this.#layout = layout;
    this.#clientCertificate = new Snapshot(layout.control('clientcert.pem'), (bytes, path) =>
      usable(bytes.toString('latin1'), path, log),
    );
  }

  /** @param host a name from DNS or smtproutes @throws TemporaryError when a file that is there cannot be read */
  rule(host: string): TlsRule {
    const name = lower(host.replace(/\.$/, ''));
    // A name is put into a path: what could lead elsewhere names no host.
    const isName = /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(name);
    const file = `tlshosts/${name}.pem`;
    const authorities = isName ? this.#authorities.get(this.#layout.control(file)) : undefined;
    if (authorities !== undefined) return { kind: 'verified', authorities, file: `control/${file}` };
    if (this.#exists('tlshosts/exhaustivelist')) return { kind: 'never' };
    return isName && this.#exists(`notlshosts/${name}`) ? { kind: 'never' } : { kind: 'may' };
  }

  /** Our chain and key; undefined when there is none that can be used. */
  clientCertificate(): string | undefined {
    return this.#clientCertificate.get();
  }

  #exists(name: string): boolean {
    return statusOf(bytesPath(this.#layout.control(name))) !== undefined;
  }
}

function usable(pem: string, path: string, log: Log): string | undefined {
  try {
    tls.createSecureContext({ cert: pem, key: pem });
    return pem;
  } catch (error) {
    log.warning(`${path} cannot be used: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}
