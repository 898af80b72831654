// getopt(3) as the original tools use it, GNU's: options may stand behind other arguments, `--` ends them, `-abc` is three, an argument is joined or the next word,
// `x::` takes only a joined one. What is wrong is printed on standard error in its words, with the path of the original program, and the tool goes on with '?'.
//
//   /home/vpopmail/bin/vadddomain: invalid option -- 'a'
//   /home/vpopmail/bin/vadddomain: option requires an argument -- 'q'

import path from 'node:path';
import type { ToolIo } from './tool-io.js';

/** One option: its letter, or `?` for one that is wrong; `value` where it takes an argument and one was given. */
export interface GivenOption {
  readonly letter: string;
  readonly value: string | undefined;
}

export interface GivenArguments {
  readonly options: readonly GivenOption[];
  readonly operands: readonly string[];
}

/**
 * Splits a tool's arguments. Wrong options are reported on standard error as they are met.
 * @param letters as getopt's third argument: `q:` takes an argument, `r::` an optional joined one
 * @param name the tool's, such as `vadduser`
 */
export function getopt(args: readonly string[], letters: string, name: string, io: ToolIo): GivenArguments {
  const program = originalProgram(name, io);
  const options: GivenOption[] = [];
  const operands: string[] = [];
  const rest = [...args];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') break;
    if (word.length < 2 || !word.startsWith('-')) operands.push(word);
    else readCluster(word.slice(1), rest);
  }
  return { options, operands: [...operands, ...rest] };

  function readCluster(cluster: string, following: string[]): void {
    for (let at = 0; at < cluster.length; at++) {
      const letter = cluster[at] ?? '';
      const known = letter === ':' || letter === ';' ? -1 : letters.indexOf(letter);
      const takes = known >= 0 && letters[known + 1] === ':';
      const optional = takes && letters[known + 2] === ':';
      const joined = cluster.slice(at + 1);
      if (known < 0) {
        io.stderr(`${program}: invalid option -- '${letter}'\n`);
        options.push({ letter: '?', value: undefined });
      } else if (!takes) options.push({ letter, value: undefined });
      else {
        readArgument(letter, joined, optional, following);
        return;
      }
    }
  }

  function readArgument(letter: string, joined: string, optional: boolean, following: string[]): void {
    const value = joined !== '' ? joined : optional ? undefined : following.shift();
    if (value !== undefined || optional) options.push({ letter, value });
    else {
      io.stderr(`${program}: option requires an argument -- '${letter}'\n`);
      options.push({ letter: '?', value: undefined });
    }
  }
}

/** Where the original of a vpopmail tool is on this host: the name that it gives itself in getopt's messages. */
export function originalProgram(name: string, io: ToolIo): string {
  return path.posix.join(io.layout.host(io.layout.vpopmail), 'bin', name);
}
