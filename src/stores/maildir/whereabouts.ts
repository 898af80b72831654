// Where the messages of a Maildir are now. Other programs move a message from new/ to cur/, change its flags (its name) or remove it without a lock; the base of
// its name never changes, so by that it is found again.
//
// A look at the whole Maildir answers for all its messages until new/ or cur/ changes again. A change right after the look, within the same tick of the kernel's
// clock as the change before it, does not show in the directory's times; so a look that came so soon after a change is not relied on for what it did not see.

import fs from 'node:fs';
import { racyMs } from '../../files/identity.js';
import { bytesPath, fileTrouble, isMissing } from '../../files/read.js';
import { parseMaildirName } from '../../formats/maildir/maildir-name.js';
import { type MaildirPart, type MessageFile, messageNames } from './message-list.js';

export interface MessagePlace {
  readonly part: MaildirPart;
  readonly name: string;
}

interface Look {
  readonly places: ReadonlyMap<string, MessagePlace>;
  /** Modification times of new/ and cur/ before it. */
  readonly times: string;
  /** Whether any later change shows in those times. */
  readonly isSettled: boolean;
}

export class Whereabouts {
  readonly #maildir: string;
  #look: Look | undefined;

  /** @param maildir disk path */
  constructor(maildir: string) {
    this.#maildir = maildir;
  }

  /** The path of a place, for the system. */
  pathOf({ part, name }: MessagePlace): string | Buffer {
    return bytesPath(`${this.#maildir}/${part}/${name}`);
  }

  /**
   * Does something with a message's file, wherever it is.
   * @param act throws ENOENT when the file is not there (it may be moved between the look and the act)
   * @returns undefined when the message is gone
   * @throws what `act` throws otherwise, and TemporaryError when the Maildir cannot be read
   */
  async with<T>(file: MessageFile, act: (place: MessagePlace) => T): Promise<{ readonly value: T } | undefined> {
    let place: MessagePlace | undefined = file;
    for (let attempt = 0; place !== undefined && attempt < 10; attempt++) {
      try {
        return { value: act(place) };
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
      place = await this.#find(file.base, place);
    }
    return undefined;
  }

  /** The place of a message, other than the one where it is not; undefined when there is none. */
  async #find(base: string, not: MessagePlace): Promise<MessagePlace | undefined> {
    const known = this.#look;
    if (known !== undefined && known.times === this.#times().text) {
      const place = known.places.get(base);
      if (place !== undefined && (place.part !== not.part || place.name !== not.name)) return place;
      if (place === undefined && known.isSettled) return undefined;
    }
    this.#look = await this.#lookAround();
    return this.#look.places.get(base);
  }

  async #lookAround(): Promise<Look> {
    const { text: times, newestMs } = this.#times();
    const isSettled = newestMs < Date.now() - racyMs;
    const places = new Map<string, MessagePlace>();
    for (const part of ['new', 'cur'] as const) {
      for (const name of await messageNames(this.#maildir, part)) {
        places.set(parseMaildirName(name).base, { part, name });
      }
    }
    return { places, times, isSettled };
  }

  #times(): { text: string; newestMs: number } {
    try {
      const time = (part: MaildirPart): bigint =>
        fs.statSync(bytesPath(`${this.#maildir}/${part}`), { bigint: true }).mtimeNs;
      const [fresh, seen] = [time('new'), time('cur')];
      return { text: `${fresh} ${seen}`, newestMs: Math.max(Number(fresh / 1_000_000n), Number(seen / 1_000_000n)) };
    } catch (error) {
      throw fileTrouble(error);
    }
  }
}
