// What a tool asks its user: lines of standard input one at a time, and passwords without echo, as getpass(3) does it: on /dev/tty where the process
// has a terminal, else the prompt goes to standard error and the answer is the next line of standard input.

import fs from 'node:fs';
import tty from 'node:tty';

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

/**
 * Asks for a password. '' when the answer is empty or missing.
 * @param nextLine gives the next line of standard input, for a process without a terminal
 */
export async function askSecret(prompt: string, nextLine: () => Promise<string | undefined>): Promise<string> {
  const terminal = openTerminal();
  if (terminal === undefined) {
    process.stderr.write(prompt);
    return (await nextLine()) ?? '';
  }
  try {
    return await askOn(terminal, prompt);
  } finally {
    terminal.input.destroy();
    terminal.output.destroy();
  }
}

interface Terminal {
  readonly input: tty.ReadStream;
  readonly output: tty.WriteStream;
}

function openTerminal(): Terminal | undefined {
  try {
    const input = fs.openSync('/dev/tty', 'r');
    if (!tty.isatty(input)) {
      fs.closeSync(input);
      return undefined;
    }
    return { input: new tty.ReadStream(input), output: new tty.WriteStream(fs.openSync('/dev/tty', 'w')) };
  } catch {
    return undefined;
  }
}

const keys = { interrupt: 0x03, endOfFile: 0x04, backspace: 0x08, delete: 0x7f, eraseLine: 0x15 } as const;

/** Raw mode shows nothing of what is typed, and leaves the keys that edit a line to us. */
function askOn({ input, output }: Terminal, prompt: string): Promise<string> {
  return new Promise((resolve) => {
    let typed: number[] = [];
    input.setRawMode(true);
    output.write(prompt);
    const end = (): void => {
      input.setRawMode(false);
      input.removeListener('data', take);
      input.pause();
      output.write('\n');
    };
    const take = (bytes: Buffer): void => {
      for (const byte of bytes) {
        if (byte === keys.interrupt) {
          end();
          process.kill(process.pid, 'SIGINT');
          return;
        }
        if (byte === 0x0d || byte === 0x0a || byte === keys.endOfFile) {
          end();
          resolve(Buffer.from(typed).toString('latin1'));
          return;
        }
        if (byte === keys.backspace || byte === keys.delete) typed.pop();
        else if (byte === keys.eraseLine) typed = [];
        else typed.push(byte);
      }
    };
    input.on('data', take);
  });
}
