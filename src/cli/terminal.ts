// A tool asks its user for a password without echo, as getpass(3) does it: on /dev/tty where the process has a terminal, else the prompt goes to standard error and the answer is the next line
// of standard input.

import fs from 'node:fs';
import tty from 'node:tty';

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
