// The certificates of the host, by the name that a client asks for (SNI):
//
//   control/vqmail/certs/NAME.pem           for NAME, and for names below it that stand in the certificate; NAME.key and NAME.chain beside it where key and chain are kept apart
//   --tls-certificate CERT[:KEY[:CHAIN]]    for the names that stand in it
//   control/servercert.pem                  for everybody else; without it the first of the options, else the first of the directory
//   control/tlsserverciphers                the ciphers of TLS 1.2 and older, where it is there: a list in OpenSSL's words over any number of lines, as in qmail's TLS patch
//   control/clientca.pem, clientcrl.pem     who vouches for clients' certificates (client-authorities.ts)
//
// Each file is looked at when it is used and read again when it was replaced, so `certbot renew` needs no restart; open sessions go on with what they have. A
// new version that is broken is logged once, and the old one stays in force. A bounded number is kept.

import path from 'node:path';
import type { SecureContext, SecureContextOptions } from 'node:tls';
import { ConfigurationError, describe, errnoOf } from '../../errors.js';
import { type Identity, isRacy, sameIdentity } from '../../files/identity.js';
import { parseList } from '../../formats/controls/control-file.js';
import type { Layout } from '../../layout.js';
import type { Log } from '../../log.js';
import {
  type Certificate,
  type CertificateBytes,
  type CertificateFiles,
  isFor,
  readCertificate,
} from './certificate.js';
import { type ClientAuthorities, clientAuthorities } from './client-authorities.js';
import { type CertificateSource, ownSource } from './source.js';

export interface CertificatesContext {
  readonly layout: Layout;
  readonly log: Log;
  /** Those of the command line, in order. */
  readonly files: readonly CertificateFiles[];
  /** Versions and ciphers. */
  readonly options: SecureContextOptions;
  /** This process's own view of the files unless given. */
  readonly source?: CertificateSource;
}

type Seen = readonly (Identity | undefined)[];

/** What became of the files of one certificate at the last look. */
interface Kept {
  /** undefined: changed so lately that the next look reads again. */
  readonly seen: Seen | undefined;
  readonly certificate: Certificate | undefined;
  readonly trouble: string | undefined;
}

/** A look that is reading. */
interface Reading {
  readonly seen: Seen;
  readonly kept: Promise<Kept>;
}

/** A certificate that is configured, or why it cannot be used; `old` is what is in force in the meantime. */
export type ConfiguredCertificate =
  | Certificate
  | { readonly files: CertificateFiles; readonly trouble: string; readonly old: Certificate | undefined };

const nothing: Kept = { seen: undefined, certificate: undefined, trouble: undefined };

const mostKept = 5000;
/** Between looks at many, others have their turn: a key takes a millisecond to read. */
const looksInARow = 10;
const hostName = /^[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?$/;

export class Certificates {
  readonly #context: CertificatesContext;
  readonly #source: CertificateSource;
  readonly #kept = new Map<string, Kept>();
  readonly #reading = new Map<string, Reading>();
  /** The directory as it was listed. */
  #listed: { readonly seen: Identity; readonly files: readonly CertificateFiles[] } | undefined;

  constructor(context: CertificatesContext) {
    this.#context = context;
    this.#source = context.source ?? ownSource;
  }

  /**
   * The certificate for a client. Never rejects: what cannot be used is logged and passed over.
   * @param serverName what the client asks for (SNI); undefined when it does not say
   * @returns undefined when the host has none that can be used
   */
  async forName(serverName: string | undefined): Promise<Certificate | undefined> {
    const name = serverName?.toLowerCase().replace(/\.$/, '');
    if (name === undefined || !isHostName(name)) return this.#default();
    return (await this.#ofDirectory(name)) ?? (await this.#ofOptions(name)) ?? this.#default();
  }

  /** The same in the form of node's SNICallback. */
  readonly sniCallback = (name: string, done: (error: Error | null, context?: SecureContext) => void): void => {
    void this.forName(name).then((certificate) => done(null, certificate?.context));
  };

  /** All that are configured, for those who show them; the first that can be used is the default. Rejects with a TemporaryError when the directory cannot be listed. */
  async all(): Promise<ConfiguredCertificate[]> {
    const { layout, files } = this.#context;
    const configured = [{ certificate: layout.serverCertificate }, ...files, ...(await this.#inDirectory())];
    const all: ConfiguredCertificate[] = [];
    for (const [index, one] of configured.entries()) {
      if (index % looksInARow === looksInARow - 1) await new Promise((resolve) => setImmediate(resolve));
      const { certificate, trouble } = await this.#look(one);
      if (trouble !== undefined) all.push({ files: one, trouble, old: certificate });
      else if (certificate !== undefined) all.push(certificate);
    }
    return all;
  }

  async #ofDirectory(name: string): Promise<Certificate | undefined> {
    const { layout } = this.#context;
    for (let rest = name; rest.includes('.'); rest = rest.slice(rest.indexOf('.') + 1)) {
      const { certificate } = await this.#look(filesOfName(layout.certificates, rest));
      if (certificate !== undefined && (rest === name || isFor(certificate, name))) return certificate;
    }
    return undefined;
  }

  async #ofOptions(name: string): Promise<Certificate | undefined> {
    for (const files of this.#context.files) {
      const { certificate } = await this.#look(files);
      if (certificate !== undefined && isFor(certificate, name)) return certificate;
    }
    return undefined;
  }

  async #default(): Promise<Certificate | undefined> {
    const { layout, files } = this.#context;
    for (const candidate of [{ certificate: layout.serverCertificate }, ...files]) {
      const { certificate } = await this.#look(candidate);
      if (certificate !== undefined) return certificate;
    }
    for (const candidate of await this.#inDirectory().catch(() => [])) {
      const { certificate } = await this.#look(candidate);
      if (certificate !== undefined) return certificate;
    }
    return undefined;
  }

  /** Listed again when it has changed: every greeting asks whether there is a certificate. */
  async #inDirectory(): Promise<readonly CertificateFiles[]> {
    const directory = this.#context.layout.certificates;
    const seen = await this.#source.identities([directory]).then(
      ([identity]) => identity ?? 'missing',
      () => undefined,
    );
    if (seen === 'missing') return [];
    if (seen !== undefined && this.#listed !== undefined && sameIdentity(this.#listed.seen, seen))
      return this.#listed.files;
    const lookedAtMs = Date.now();
    const names = (await this.#source.list(directory)) ?? [];
    const own = names.flatMap((name) => /^(.+)\.pem$/.exec(name)?.[1] ?? []).filter(isHostName);
    const files = own.sort().map((name) => filesOfName(directory, name));
    this.#listed = seen === undefined || isRacy(seen, lookedAtMs) ? undefined : { seen, files };
    return files;
  }

  /** What is in force of one certificate's files now. Never rejects. */
  async #look(files: CertificateFiles): Promise<Kept> {
    const id = files.certificate;
    let seen: Seen;
    try {
      // Most names have none of their own: one file tells.
      if (!this.#kept.has(id) && (await this.#source.identities([id]))[0] === undefined) return nothing;
      seen = await this.#source.identities(this.#filesRead(files));
    } catch (error) {
      return this.#keep(id, undefined, this.#failure(files, error));
    }
    const kept = this.#kept.get(id);
    if (kept?.seen !== undefined && areSame(kept.seen, seen)) return kept;
    if (seen[0] === undefined) {
      this.#kept.delete(id);
      return nothing;
    }
    return this.#readOnce(files, seen);
  }

  /** Reads, or waits for who is reading this version already. */
  #readOnce(files: CertificateFiles, seen: Seen): Promise<Kept> {
    const id = files.certificate;
    const running = this.#reading.get(id);
    if (running !== undefined && areSame(running.seen, seen)) return running.kept;
    const reading: Reading = { seen, kept: this.#read(files, seen) };
    this.#reading.set(id, reading);
    return reading.kept.finally(() => {
      if (this.#reading.get(id) === reading) this.#reading.delete(id);
    });
  }

  async #read(files: CertificateFiles, seen: Seen): Promise<Kept> {
    const readAtMs = Date.now();
    const isSettled = seen.every((identity) => identity === undefined || !isRacy(identity, readAtMs));
    const sure = isSettled ? seen : undefined;
    try {
      const found = await this.#certificate(files);
      return this.#keep(files.certificate, sure, found ?? { certificate: undefined, trouble: undefined });
    } catch (error) {
      return this.#keep(files.certificate, sure, this.#failure(files, error));
    }
  }

  #failure(files: CertificateFiles, error: unknown): Pick<Kept, 'certificate' | 'trouble'> {
    const what = error instanceof ConfigurationError ? error.message : `${files.certificate}: ${describe(error)}`;
    const certificate = this.#kept.get(files.certificate)?.certificate;
    return { certificate, trouble: certificate === undefined ? what : `${what}; the old certificate stays in force` };
  }

  #keep(id: string, seen: Seen | undefined, found: Pick<Kept, 'certificate' | 'trouble'>): Kept {
    const before = this.#kept.get(id);
    if (found.trouble !== undefined && found.trouble !== before?.trouble) this.#context.log.warning(found.trouble);
    const kept = { seen, ...found };
    this.#kept.delete(id);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size < mostKept) break;
      this.#kept.delete(oldest);
    }
    this.#kept.set(id, kept);
    return kept;
  }

  /** The certificate as its files are now; undefined when it is not there. A cipher list that cannot be used is told, and ours used. */
  async #certificate(files: CertificateFiles): Promise<Pick<Kept, 'certificate' | 'trouble'> | undefined> {
    const { options } = this.#context;
    const bytes = await this.#bytesOf(files);
    if (bytes === undefined) return undefined;
    const ciphers = await this.#ciphers();
    const authorities = await this.#authorities();
    const forAll = { ...options, ...authorities?.options };
    try {
      const wanted = ciphers === undefined ? forAll : { ...forAll, ciphers };
      return { certificate: readCertificate(files, bytes, wanted), trouble: authorities?.trouble };
    } catch (error) {
      const cause = error instanceof ConfigurationError ? error.cause : undefined;
      if (ciphers === undefined || errnoOf(cause) !== 'ERR_SSL_NO_CIPHER_MATCH') throw error;
      const trouble = `${this.#ciphersFile}: no cipher in it is known; the customary ones are used`;
      return { certificate: readCertificate(files, bytes, forAll), trouble };
    }
  }

  async #bytesOf(files: CertificateFiles): Promise<CertificateBytes | undefined> {
    const read = async (file: string | undefined, mustBeThere: boolean): Promise<Buffer | undefined> => {
      const bytes = file === undefined ? undefined : await this.#source.read(file);
      if (bytes === undefined && file !== undefined && mustBeThere)
        throw new ConfigurationError(file, undefined, 'is not there');
      return bytes;
    };
    const certificate = await read(files.certificate, false);
    if (certificate === undefined) return undefined;
    const key = await read(files.key ?? files.keyBeside, files.key !== undefined);
    return { certificate, key, chain: await read(files.chain ?? files.chainBeside, files.chain !== undefined) };
  }

  async #ciphers(): Promise<string | undefined> {
    const bytes = await this.#source.read(this.#ciphersFile);
    const list = bytes === undefined ? [] : parseList(bytes);
    return list.length === 0 ? undefined : list.join(':');
  }

  async #authorities(): Promise<ClientAuthorities | undefined> {
    const { clientAuthorities: file, clientRevocations } = this.#context.layout;
    const [ca, crl] = [await this.#source.read(file), await this.#source.read(clientRevocations)];
    return clientAuthorities(ca, crl, file);
  }

  get #ciphersFile(): string {
    return this.#context.layout.tlsServerCiphers;
  }

  #filesRead({ certificate, key, keyBeside, chain, chainBeside }: CertificateFiles): string[] {
    const others = [key ?? keyBeside, chain ?? chainBeside].filter((file) => file !== undefined);
    const { clientAuthorities: ca, clientRevocations: crl } = this.#context.layout;
    return [certificate, ...others, this.#ciphersFile, ca, crl];
  }
}

/** Whether a name may stand for a host, and so in the name of a file. */
export function isHostName(name: string): boolean {
  return hostName.test(name) && !name.includes('..');
}

/** The files of a certificate in the directory of those by name. */
export function filesOfName(directory: string, name: string): CertificateFiles {
  const beside = (suffix: string): string => path.join(directory, `${name}.${suffix}`);
  return { certificate: beside('pem'), keyBeside: beside('key'), chainBeside: beside('chain') };
}

function areSame(a: Seen, b: Seen): boolean {
  return a.every((one, index) => {
    const other = b[index];
    return one === undefined || other === undefined ? one === other : sameIdentity(one, other);
  });
}
