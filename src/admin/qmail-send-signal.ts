// SIGHUP to qmail-send, so that it reads control/locals and control/virtualdomains again (formats/qmail.md 4.7), after every change of a domain.
//
// vpopmail sends it to every process whose line in `ps` contains `qmail-send`: to `vi qmail-send.c` and `tail -f /var/log/qmail-send` too, which die of it. Here it goes
// to processes whose program is qmail-send, and to a queue process of ours, whose title says that it stands in for it. Without a /proc like Linux's, `ps` is asked and
// the first word of the command decides. Whether anybody was there to hear it does not matter.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';

export interface SignalSources {
  /** Where processes are looked up: /proc unless given. */
  readonly processes?: string;
  /** Sends the signal: process.kill unless given. */
  readonly send?: (pid: number) => void;
}

/** Sends SIGHUP to every qmail-send. @returns the processes that got it. Does not throw. */
export function signalQmailSend(sources: SignalSources = {}): number[] {
  const { processes = '/proc', send = (pid: number): void => void process.kill(pid, 'SIGHUP') } = sources;
  const signalled: number[] = [];
  for (const [pid, words] of commandsOf(processes)) {
    if (pid === process.pid || !isQmailSend(words)) continue;
    try {
      send(pid);
      signalled.push(pid);
    } catch {
      // It has ended meanwhile, or belongs to somebody else.
    }
  }
  return signalled;
}

/**
 * Whether a command is qmail-send.
 * @param words its arguments, the program first; a title that a process gave itself is one word
 */
export function isQmailSend(words: readonly string[]): boolean {
  const [program = ''] = words;
  if (/^(\S*\/)?qmail-send$/.test(program)) return true;
  // Titles that processes of ours, and qmail-send itself where it says what it does, give themselves.
  return words.length === 1 && /^(\S*\/)?(qmail-send|vqmail\b.*\bqmail-send)(?=[\s:()]|$)/.test(program);
}

function commandsOf(processes: string): Iterable<[number, string[]]> {
  if (!fs.existsSync(`${processes}/self/comm`)) return commandsOfPs();
  try {
    const numbers = fs.readdirSync(processes).filter((name) => /^[0-9]+$/.test(name));
    // The short name is read from where it lies; a command line is fetched from the memory of its process, which takes longer than all the rest of this.
    const possible = numbers.filter((name) => /qmail/.test(textOf(`${processes}/${name}/comm`)));
    return possible.map((name) => [Number(name), wordsOf(textOf(`${processes}/${name}/cmdline`))]);
  } catch {
    return commandsOfPs();
  }
}

const piece = Buffer.alloc(65536);

function wordsOf(commandLine: string): string[] {
  return commandLine.replace(/\0+$/, '').split('\0');
}

/** The beginning, which is all that counts; '' for a process that has ended. There are many: no memory is taken for each. */
function textOf(path: string): string {
  try {
    const fd = fs.openSync(path, 'r');
    try {
      return piece.toString('latin1', 0, fs.readSync(fd, piece));
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    return '';
  }
}

function commandsOfPs(): [number, string[]][] {
  try {
    const lines = execFileSync('ps', ['axww', '-o', 'pid=,command='], { encoding: 'latin1', stdio: 'pipe' }).split(
      '\n',
    );
    return lines.flatMap((line): [number, string[]][] => {
      const [, pid, command] = /^ *([0-9]+) (.*)$/.exec(line) ?? [];
      return pid === undefined || command === undefined ? [] : [[Number(pid), command.split(' ')]];
    });
  } catch {
    return [];
  }
}
