// Certificate files for processes that may not look at them: a key of mode 0600, certbot's directories of mode 0700. A session worker looks itself first, and where it may not it asks the
// supervisor, which is root:
//
//   child  certificate-identities {request, files}  ->  supervisor        supervisor  certificate-answer {request, identities | refused}  ->  child
//          certificate-read {request, files}        ->                                certificate-answer {request, content | refused}    ->
//          certificate-list {request}               ->                                certificate-answer {request, names | refused}      ->
//
// A worker that was taken over has the keys that it serves with anyhow. It gets nothing else this way: the supervisor answers for the files that are configured as certificates alone, and gives of
// each what a certificate file has to say (PEM blocks, cipher names), whatever it may be a link to.

import path from 'node:path';
import { describe, errnoOf } from '../../errors.js';
import type { Identity } from '../../files/identity.js';
import { parseList } from '../../formats/controls/control-file.js';
import { parsePem } from '../../formats/pem.js';
import type { Layout } from '../../layout.js';
import type { Settings } from '../../settings.js';
import { isHostName } from '../../stores/certificates/certificates.js';
import { type CertificateSource, ownSource } from '../../stores/certificates/source.js';
import type { ToChild } from '../messages.js';
import { tellSupervisor } from '../supervised.js';

/** Numbers of 64 bits cannot travel. */
type SentIdentity = readonly [dev: string, ino: string, size: string, mtimeNs: string, ctimeNs: string];

export type CertificateRequest =
  | { readonly type: 'certificate-identities'; readonly request: number; readonly files: readonly string[] }
  | { readonly type: 'certificate-read'; readonly request: number; readonly files: readonly [string] }
  | { readonly type: 'certificate-list'; readonly request: number };

export interface CertificateAnswer {
  readonly type: 'certificate-answer';
  readonly request: number;
  /** null: not there. */
  readonly identities?: readonly (SentIdentity | null)[];
  readonly content?: string | null;
  readonly names?: readonly string[] | null;
  /** Why there is no answer. */
  readonly refused?: string;
}

const patienceMs = 10_000;

/** The questions of one child, which are the certificate files as it sees them. */
export class CertificateRequests {
  readonly #asked = new Map<number, (answer: CertificateAnswer) => void>();
  #last = 0;

  readonly source: CertificateSource = {
    identities: (files) =>
      orAsk(ownSource.identities(files), async () => {
        const { identities = [] } = await this.#ask({ type: 'certificate-identities', files });
        return identities.map((identity) => identity ?? undefined).map((sent) => sent && received(sent));
      }),
    read: (file) =>
      orAsk(ownSource.read(file), async () => {
        const { content } = await this.#ask({ type: 'certificate-read', files: [file] });
        return content === undefined || content === null ? undefined : Buffer.from(content, 'latin1');
      }),
    list: (directory) =>
      orAsk(ownSource.list(directory), async () => {
        const { names } = await this.#ask({ type: 'certificate-list' });
        return names ?? undefined;
      }),
  };

  answered(answer: CertificateAnswer): void {
    this.#asked.get(answer.request)?.(answer);
  }

  #ask(question: WithoutRequest<CertificateRequest>): Promise<CertificateAnswer> {
    return new Promise((resolve, reject) => {
      const request = ++this.#last;
      const settle = (answer: CertificateAnswer): void => {
        clearTimeout(timer);
        this.#asked.delete(request);
        if (answer.refused === undefined) resolve(answer);
        else reject(new Error(answer.refused));
      };
      const refused = 'the supervisor does not answer';
      const timer = setTimeout(() => settle({ type: 'certificate-answer', request, refused }), patienceMs);
      this.#asked.set(request, settle);
      tellSupervisor({ ...question, request });
    });
  }
}

type WithoutRequest<T> = T extends unknown ? Omit<T, 'request'> : never;

/** What this process may not do is asked for. */
async function orAsk<T>(own: Promise<T>, ask: () => Promise<T>): Promise<T> {
  try {
    return await own;
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return ask();
  }
}

function isForbidden(error: unknown): boolean {
  const code = errnoOf(error) ?? errnoOf(error instanceof Error ? error.cause : undefined);
  return code === 'EACCES' || code === 'EPERM';
}

/** Answers a child. Never rejects. @param send gives it the answer */
export async function answerCertificateRequest(
  question: CertificateRequest,
  { layout, settings }: { readonly layout: Layout; readonly settings: Settings },
  send: (message: ToChild) => void,
): Promise<void> {
  const { request } = question;
  try {
    const files = 'files' in question ? question.files : [];
    const other = files.find((file) => !isConfigured(file, layout, settings));
    if (other !== undefined) throw new Error(`${other} is no certificate of this host`);
    send({ type: 'certificate-answer', request, ...(await answerTo(question, layout)) });
  } catch (error) {
    send({ type: 'certificate-answer', request, refused: describe(error) });
  }
}

async function answerTo(question: CertificateRequest, layout: Layout): Promise<Partial<CertificateAnswer>> {
  if (question.type === 'certificate-list') return { names: (await ownSource.list(layout.certificates)) ?? null };
  if (question.type === 'certificate-identities') {
    const identities = await ownSource.identities(question.files);
    return { identities: identities.map((identity) => (identity === undefined ? null : sent(identity))) };
  }
  const [file] = question.files;
  const bytes = await ownSource.read(file);
  return { content: bytes === undefined ? null : contentOf(file, bytes, layout) };
}

function contentOf(file: string, bytes: Buffer, layout: Layout): string {
  if (file === layout.tlsServerCiphers)
    return parseList(bytes)
      .filter((line) => /^[A-Z0-9_:+!@=-]+$/i.test(line))
      .join('\n');
  const { certificates, key = '', revocations } = parsePem(bytes);
  return `${certificates}${revocations}${key}\n`;
}

function isConfigured(file: string, layout: Layout, { tlsCertificates }: Settings): boolean {
  const { dir, name, ext } = path.parse(file);
  if (dir === layout.certificates && ['.pem', '.key', '.chain'].includes(ext)) return isHostName(name);
  const named = tlsCertificates.flatMap(({ certificate, key, chain }) => [certificate, key, chain]);
  const own = [layout.serverCertificate, layout.tlsServerCiphers, layout.clientAuthorities, layout.clientRevocations];
  return [...own, ...named].includes(file);
}

function sent({ dev, ino, size, mtimeNs, ctimeNs }: Identity): SentIdentity {
  return [String(dev), String(ino), String(size), String(mtimeNs), String(ctimeNs)];
}

function received([dev, ino, size, mtimeNs, ctimeNs]: SentIdentity): Identity {
  return {
    dev: BigInt(dev),
    ino: BigInt(ino),
    size: BigInt(size),
    mtimeNs: BigInt(mtimeNs),
    ctimeNs: BigInt(ctimeNs),
  };
}
