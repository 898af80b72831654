// One small file with what it said at the last look.

import { markAt, type ReadVersion, readVersion, unsettled } from './version.js';

/** What a look found: the content before and now; absent is undefined. */
export interface KeptChange<T> {
  readonly before: T | undefined;
  readonly after: T | undefined;
  /** When the file was changed last, wall clock; 0 when it is absent. */
  readonly ctimeMs: number;
}

export class KeptFile<T> {
  #path: string;
  readonly #parse: (version: ReadVersion, path: string) => T;
  /** Undefined: absent, or never looked at. */
  #mark: number | undefined;
  #value: T | undefined;

  constructor(path: string, parse: (version: ReadVersion, path: string) => T) {
    this.#path = path;
    this.#parse = parse;
  }

  get value(): T | undefined {
    return this.#value;
  }

  /** Whether another look is needed soon, because the last one came too early after a change. */
  get isUnsettled(): boolean {
    return this.#mark === unsettled;
  }

  /**
   * Looks at the file; undefined when it is the version of the last look.
   * @throws TemporaryError when it cannot be read, and whatever `parse` throws; what was kept stays then
   */
  look(): KeptChange<T> | undefined {
    const before = this.#value;
    const mark = markAt(this.#path);
    if (mark === this.#mark && mark !== unsettled) return undefined;
    const version = mark === undefined ? undefined : readVersion(this.#path);
    this.#value = version === undefined ? undefined : this.#parse(version, this.#path);
    this.#mark = version?.mark;
    return { before, after: this.#value, ctimeMs: version?.ctimeMs ?? 0 };
  }

  /** Goes on with a file at another place, which is compared with what this one said. */
  moveTo(path: string): void {
    this.#path = path;
    this.#mark = unsettled;
  }
}
