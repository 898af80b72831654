// Standard input line by line, for tools that ask their user.

import fs from 'node:fs';

/** The lines of a descriptor, read a byte at a time so that what follows stays for whoever inherits it. */
export class DescriptorLines {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** The next line without its line feed; undefined at the end. @throws the system error */
  async next(): Promise<string | undefined> {
    return (await this.nextWithEnd())?.replace(/\n$/, '');
  }

  /** The next line with its line feed, the last one without if it has none; undefined at the end. @throws the system error */
  async nextWithEnd(): Promise<string | undefined> {
    const line: number[] = [];
    const byte = Buffer.alloc(1);
    for (;;) {
      const count = await readByte(this.#fd, byte);
      if (count === 0) return line.length === 0 ? undefined : Buffer.from(line).toString('latin1');
      const [value = 0] = byte;
      line.push(value);
      if (value === 0x0a) return Buffer.from(line).toString('latin1');
    }
  }
}

function readByte(fd: number, into: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, into, 0, 1, null, (error, count) => {
      if (error === null) resolve(count);
      else if (error.code === 'EAGAIN') setTimeout(() => readByte(fd, into).then(resolve, reject), 10);
      else reject(error);
    });
  });
}
