// Content-Transfer-Encoding undone piece by piece (RFC 2045 6.7, 6.8): for BINARY and for searching.
//
//   base64              characters that are none of its alphabet are passed over; what follows the padding too
//   quoted-printable    =XX, soft line breaks, blanks at line ends gone; a broken =XX stays as it is
//   7bit 8bit binary    as they are
//
// Pieces may be cut anywhere.

export interface TransferDecoder {
  /** The bytes that are certain by now. */
  write(piece: Buffer): Buffer;
  /** The rest. */
  end(): Buffer;
}

const nothing = Buffer.alloc(0);

/** @returns undefined for an encoding that is not known */
export function transferDecoder(encoding: string): TransferDecoder | undefined {
  switch (encoding.toLowerCase()) {
    case 'base64':
      return new Base64Decoder();
    case 'quoted-printable':
      return new QuotedPrintableDecoder();
    case '7bit':
    case '8bit':
    case 'binary':
      return { write: (piece) => piece, end: () => nothing };
    default:
      return undefined;
  }
}

class Base64Decoder implements TransferDecoder {
  /** Up to three characters that make no group yet. */
  #rest = '';
  #isOver = false;

  write(piece: Buffer): Buffer {
    if (this.#isOver) return nothing;
    let text = this.#rest + piece.toString('latin1').replace(/[^A-Za-z0-9+/=]+/g, '');
    const padding = text.indexOf('=');
    if (padding >= 0) {
      this.#isOver = true;
      text = text.slice(0, padding);
      this.#rest = '';
      return Buffer.from(text, 'base64');
    }
    const whole = text.length - (text.length % 4);
    this.#rest = text.slice(whole);
    return Buffer.from(text.slice(0, whole), 'base64');
  }

  end(): Buffer {
    return this.#isOver ? nothing : Buffer.from(this.#rest, 'base64');
  }
}

class QuotedPrintableDecoder implements TransferDecoder {
  #rest = '';

  write(piece: Buffer): Buffer {
    const text = this.#rest + piece.toString('latin1');
    // The last line is kept until it ends, unless it is too long to be one.
    const end = text.lastIndexOf('\n') + 1 || (text.length > 65_536 ? text.length - 3 : 0);
    this.#rest = text.slice(end);
    return decodeQuotedPrintable(text.slice(0, end));
  }

  end(): Buffer {
    return decodeQuotedPrintable(this.#rest);
  }
}

function decodeQuotedPrintable(text: string): Buffer {
  const decoded = text
    .replace(/[ \t]+(?=\r?\n)/g, '')
    .replace(/=\r?\n/g, '')
    .replace(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(decoded, 'latin1');
}
