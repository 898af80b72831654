// What differs from run to run, made equal: password hashes, random passwords, times of day, names of Maildir files, process ids. The rules are those that come with the
// recordings. Texts are Latin-1.

import { hostname } from 'node:os';
import { bufferSource, cdbRecords } from '../../../src/formats/databases/cdb.js';

const recordedHostName = 'mail.example.gr.jp';

/** The masks of one recording, which know the random passwords that the tools told so far. */
export class Masks {
  readonly #root: string;
  readonly #randomPasswords = new Set<string>();

  /** @param root where the host is on this machine's disk, which links tell */
  constructor(root: string) {
    this.#root = root;
  }

  /** Takes note of the random passwords that an output tells. */
  learn(output: string): void {
    for (const [, word] of output.matchAll(/Random password: (\S+)/g)) if (word) this.#randomPasswords.add(word);
  }

  text(text: string): string {
    let masked = text;
    for (const word of this.#randomPasswords) masked = masked.replaceAll(word, '<random>');
    return masked
      .replace(/\$(1|2[aby]|5|6)\$[./0-9A-Za-z$=]{8,120}/g, '<hash>')
      .replace(/\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d \d{4}/g, '<date>')
      .replace(/\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [ 0-9]?\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [-+]\d{4}/g, '<date>')
      .replace(/\b1[7-9]\d{8}\b/g, '<time>')
      .replace(/<time>\.(M\d+P)?\d+[^/ ]*?\.(?=[a-z])/g, '<time>.<id>.')
      .replace(/\b(pid|qp) \d+/g, '$1 <pid>')
      .replace(/\.tmp\.\d+/g, '.tmp.<pid>');
  }

  path(hostPath: string): string {
    return hostPath
      .replace(/\b1[7-9]\d{8}\.\d+\./g, '<time>.<id>.')
      .replace(`<id>.${hostname()}`, `<id>.${recordedHostName}`)
      .replace(/(\/(?:control|users|tcp|etc)\/[^/]+)\.\d{1,7}$/, '$1.<pid>');
  }

  /** Where a symbolic link leads to. */
  target(target: string): string {
    return target.startsWith(`${this.#root}/`) ? target.slice(this.#root.length) : target;
  }

  /** A file's content: a cdb as its records in order, anything else as it is. */
  content(hostPath: string, bytes: Buffer): string {
    const records = hostPath.endsWith('cdb') ? recordsOf(bytes) : undefined;
    return this.text(records ?? bytes.toString('latin1'));
  }
}

/** undefined when it is no whole cdb. */
function recordsOf(bytes: Buffer): string | undefined {
  try {
    const lines = Array.from(
      cdbRecords(bufferSource(bytes), 'a cdb'),
      ({ key, data }) => `${key.toString('latin1')} -> ${data.toString('latin1')}\n`,
    );
    return `cdb of ${lines.length}:\n${lines.join('')}`;
  } catch {
    return undefined;
  }
}
