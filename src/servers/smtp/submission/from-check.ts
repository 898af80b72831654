// Whether a user may stand in the From field of a message (--from-check), which readers see, whatever the envelope says. Every address of every From field is looked at; a message without one
// claims nothing. What cannot be understood whole is refused: another program might read more out of it.
//
//   From: Joe <joe@example.jp>, ann@example.jp      both have to be the user's
//   From: joe@example.jp ann@example.jp             not understood: an `@` that is in no address
//
// The header is kept until it ends, which is asked for when the message has.

import { nameOf, splitHeader } from '../../../mail/injection/header-fields.js';
import { parseAddresses } from '../../../protocols/mime/addresses.js';
import { refusal } from '../replies.js';

const longestHeader = 1024 * 1024;
const lf = 0x0a;

export class FromCheck {
  readonly #isOwn: (address: string) => Promise<boolean>;
  readonly #user: string;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #isOver = false;
  #isTooLong = false;
  #endsWithLineFeed = true;

  /** @param isOwn whether the user may write as this address @param user for the reply */
  constructor(user: string, isOwn: (address: string) => Promise<boolean>) {
    this.#user = user;
    this.#isOwn = isOwn;
  }

  /** Looks at the next bytes of the message, whose lines end in LF. */
  write(body: Buffer): void {
    if (this.#isOver) return;
    this.#chunks.push(Buffer.from(body));
    this.#bytes += body.length;
    const isWhole = (this.#endsWithLineFeed && body[0] === lf) || body.includes('\n\n');
    this.#isTooLong = !isWhole && this.#bytes > longestHeader;
    this.#isOver = isWhole || this.#isTooLong;
    this.#endsWithLineFeed = body.at(-1) === lf;
  }

  /**
   * The reply that refuses the message; undefined when it may come.
   * @throws TemporaryError when whose an address is cannot be told now
   */
  async refusal(): Promise<string | undefined> {
    if (this.#isTooLong) return refusal(552, '5.3.4', 'the header is too long');
    const { fields } = splitHeader(Buffer.concat(this.#chunks));
    for (const field of fields) {
      if (nameOf(field) !== 'from') continue;
      const addresses = addressesOf(field.slice(field.indexOf(':') + 1));
      if (addresses === undefined) return refusal(550, '5.7.1', 'the From field cannot be understood');
      for (const address of addresses)
        if (!(await this.#isOwn(address)))
          return refusal(550, '5.7.1', `sorry, <${address}> in the From field is not an address of ${this.#user}`);
    }
    return undefined;
  }
}

/** undefined when there are none, or something is left over. */
function addressesOf(value: string): string[] | undefined {
  const found = parseAddresses(value).filter(({ domain }) => domain !== undefined);
  const signs = withoutTexts(value).split('@').length - 1;
  if (found.length === 0 || found.length !== signs) return undefined;
  return found.map(({ mailbox, domain }) => `${mailbox}@${domain}`);
}

/** Without quoted texts and comments. */
function withoutTexts(value: string): string {
  let text = value.replace(/\\[\s\S]/g, '').replace(/"[^"]*"/g, '');
  for (let before = ''; before !== text; ) {
    before = text;
    text = text.replace(/\([^()]*\)/g, '');
  }
  return text;
}
