// The certificates of the host, by the name that a client asks for (SNI):
//
//   control/vqmail/certs/NAME.pem           for NAME, and for names below it that stand in the certificate; NAME.key beside it where the key is kept apart
//   --tls-certificate CERT[:KEY]            for the names that stand in it
//   control/servercert.pem                  for everybody else; without it the first of the options, else the first of the directory
//
// Each file is looked at by one stat when it is used and read again when it was replaced, so `certbot renew` needs no restart; open sessions go on with what they have. A
// new version that is broken is logged once, and the old one stays in force. A bounded number is kept.
//
// Keys may be readable for root alone: `read` is then a question to the supervisor.

import path from 'node:path';
import type { SecureContext, SecureContextOptions } from 'node:tls';
import { ConfigurationError, describe } from '../../errors.js';
import { type Identity, identityOf, isRacy, sameIdentity } from '../../files/identity.js';
import { listDirectory } from '../../files/list.js';
import { bytesPath } from '../../files/read.js';
import type { Layout } from '../../layout.js';
import type { Log } from '../../log.js';
import { type Certificate, type CertificateFiles, isFor, readCertificate } from './certificate.js';

export interface CertificatesContext {
  readonly layout: Layout;
  readonly log: Log;
  /** Those of the command line, in order. */
  readonly files: readonly CertificateFiles[];
  /** Versions and ciphers. */
  readonly options: SecureContextOptions;
  /** The bytes of a certificate or key file; undefined when it is not there. @throws the system error */
  readonly read: (path: string) => Promise<Buffer | undefined>;
}

/** What became of the files of one certificate at the last look. */
interface Kept {
  /** undefined: changed so lately that the next look reads again. */
  readonly seen: readonly (Identity | undefined)[] | undefined;
  readonly certificate: Certificate | undefined;
  readonly trouble: string | undefined;
}

/** A certificate that is configured, or why it cannot be used. */
export type ConfiguredCertificate = Certificate | { readonly files: CertificateFiles; readonly trouble: string };

const mostKept = 1000;
const hostName = /^[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?$/;

export class Certificates {
  readonly #context: CertificatesContext;
  readonly #kept = new Map<string, Kept>();
  readonly #looking = new Map<string, Promise<Kept>>();

  constructor(context: CertificatesContext) {
    this.#context = context;
  }

  /**
   * The certificate for a client. Never rejects: what cannot be used is logged and passed over.
   * @param serverName what the client asks for (SNI); undefined when it does not say
   * @returns undefined when the host has none that can be used
   */
  async forName(serverName: string | undefined): Promise<Certificate | undefined> {
    const name = serverName?.toLowerCase().replace(/\.$/, '');
    if (name === undefined || !hostName.test(name) || name.includes('..')) return this.#default();
    return (await this.#ofDirectory(name)) ?? (await this.#ofOptions(name)) ?? this.#default();
  }

  /** The same in the form of node's SNICallback. */
  readonly sniCallback = (name: string, done: (error: Error | null, context?: SecureContext) => void): void => {
    void this.forName(name).then((certificate) => done(null, certificate?.context));
  };

  /** All that are configured, for those who show them. @throws TemporaryError when the directory cannot be listed */
  async all(): Promise<ConfiguredCertificate[]> {
    const found = await Promise.all(
      (await this.#configured()).map(async (files) => ({ files, kept: await this.#look(files) })),
    );
    return found.flatMap(({ files, kept: { certificate, trouble } }): ConfiguredCertificate[] =>
      trouble !== undefined ? [{ files, trouble }] : certificate === undefined ? [] : [certificate],
    );
  }

  async #ofDirectory(name: string): Promise<Certificate | undefined> {
    const { layout } = this.#context;
    for (let rest = name; rest.includes('.'); rest = rest.slice(rest.indexOf('.') + 1)) {
      const certificate = await this.#usable(filesOf(layout.certificates, rest));
      if (certificate !== undefined && (rest === name || isFor(certificate, name))) return certificate;
    }
    return undefined;
  }

  async #ofOptions(name: string): Promise<Certificate | undefined> {
    for (const files of this.#context.files) {
      const certificate = await this.#usable(files);
      if (certificate !== undefined && isFor(certificate, name)) return certificate;
    }
    return undefined;
  }

  async #default(): Promise<Certificate | undefined> {
    const { layout, files } = this.#context;
    for (const candidate of [{ certificate: layout.serverCertificate }, ...files]) {
      const certificate = await this.#usable(candidate);
      if (certificate !== undefined) return certificate;
    }
    const [first] = await this.#inDirectory().catch(() => []);
    return first && this.#usable(first);
  }

  async #configured(): Promise<CertificateFiles[]> {
    const { layout, files } = this.#context;
    return [{ certificate: layout.serverCertificate }, ...files, ...(await this.#inDirectory())];
  }

  async #inDirectory(): Promise<CertificateFiles[]> {
    const directory = this.#context.layout.certificates;
    const names = (await listDirectory(directory)) ?? [];
    const own = names.filter((name) => name.endsWith('.pem')).map((name) => name.slice(0, -'.pem'.length));
    return own.sort().map((name) => filesOf(directory, name));
  }

  async #usable(files: CertificateFiles): Promise<Certificate | undefined> {
    return (await this.#look(files)).certificate;
  }

  /** What is in force of one certificate's files now. */
  #look(files: CertificateFiles): Promise<Kept> {
    const id = files.certificate;
    const running = this.#looking.get(id);
    if (running !== undefined) return running;
    const kept = this.#kept.get(id);
    let seen: readonly (Identity | undefined)[];
    try {
      seen = [files.certificate, ...keysOf(files)].map((file) => identityOf(bytesPath(file)));
    } catch (error) {
      return Promise.resolve({ seen: undefined, certificate: kept?.certificate, trouble: describe(error) });
    }
    if (kept?.seen !== undefined && areSame(kept.seen, seen)) return Promise.resolve(kept);
    if (seen[0] === undefined) {
      this.#kept.delete(id);
      return Promise.resolve({ seen, certificate: undefined, trouble: undefined });
    }
    const looking = this.#read(files, seen, kept).finally(() => this.#looking.delete(id));
    this.#looking.set(id, looking);
    return looking;
  }

  async #read(files: CertificateFiles, seen: Kept['seen'], before: Kept | undefined): Promise<Kept> {
    const { options, read, log } = this.#context;
    const readAtMs = Date.now();
    const isSettled = (seen ?? []).every((identity) => identity === undefined || !isRacy(identity, readAtMs));
    const sure = isSettled ? seen : undefined;
    let kept: Kept;
    try {
      const [bytes, key] = await Promise.all([files.certificate, ...keysOf(files)].map(read));
      if (bytes === undefined) return { seen, certificate: undefined, trouble: undefined };
      if (files.key !== undefined && key === undefined)
        throw new ConfigurationError(files.key, undefined, 'is not there');
      kept = { seen: sure, certificate: readCertificate(files, bytes, key, options), trouble: undefined };
    } catch (error) {
      const trouble = error instanceof ConfigurationError ? error.message : `${files.certificate}: ${describe(error)}`;
      const old = before?.certificate;
      if (before?.trouble !== trouble)
        log.warning(old === undefined ? trouble : `${trouble}; the old certificate stays in force`);
      kept = { seen: sure, certificate: old, trouble };
    }
    if (this.#kept.size >= mostKept) this.#kept.clear();
    this.#kept.set(files.certificate, kept);
    return kept;
  }
}

function filesOf(directory: string, name: string): CertificateFiles {
  return { certificate: path.join(directory, `${name}.pem`), keyBeside: path.join(directory, `${name}.key`) };
}

function keysOf({ key, keyBeside }: CertificateFiles): string[] {
  const file = key ?? keyBeside;
  return file === undefined ? [] : [file];
}

function areSame(a: readonly (Identity | undefined)[], b: readonly (Identity | undefined)[]): boolean {
  return a.every((one, index) => {
    const other = b[index];
    return one === undefined || other === undefined ? one === other : sameIdentity(one, other);
  });
}
