// getopt(3) as the original tools use it, GNU's: options may stand behind other arguments, `--` ends them, `-abc` is three, an argument is joined or the next word,
// `x::` takes only a joined one. What is wrong is printed on standard error in its words, with the path of the original program, and the tool goes on with '?'.
//
// Most of vpopmail's tools look for no further options after a wrong one, and take what getopt has not yet been through as their operands: the rest of the words, with
// the word of the wrong option itself when letters of it are left over, without the operands before it.
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
 * @param untilError whether the tool stops at the first wrong option
 * @param last a letter at which the tool ends, such as that of its help: nothing behind it is looked at
 */
export function getopt(
  args: readonly string[],
  letters: string,
  name: string,
  io: ToolIo,
  untilError = false,
  last = '',
): GivenArguments {
  const program = originalProgram(name, io);
  const options: GivenOption[] = [];
  const operands: string[] = [];
  const rest = [...args];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') break;
    if (word.length < 2 || !word.startsWith('-')) operands.push(word);
    else {
      const unread = readCluster(word.slice(1), rest);
      if (unread !== undefined) return { options, operands: unread === '' ? rest : [word, ...rest] };
    }
  }
  return { options, operands: [...operands, ...rest] };

  /** @returns what is left of the cluster where reading stops */
  function readCluster(cluster: string, following: string[]): string | undefined {
    for (let at = 0; at < cluster.length; at++) {
      const letter = cluster[at] ?? '';
      const known = letter === ':' || letter === ';' ? -1 : letters.indexOf(letter);
      const takes = known >= 0 && letters[known + 1] === ':';
      const optional = takes && letters[known + 2] === ':';
      const joined = cluster.slice(at + 1);
      if (known < 0) {
        io.stderr(`${program}: invalid option -- '${letter}'\n`);
        options.push({ letter: '?', value: undefined });
        if (untilError) return joined;
      } else if (!takes) {
        options.push({ letter, value: undefined });
        if (letter === last) return '';
      } else return readArgument(letter, joined, optional, following);
    }
    return undefined;
  }

  function readArgument(letter: string, joined: string, optional: boolean, following: string[]): string | undefined {
    const value = joined !== '' ? joined : optional ? undefined : following.shift();
    if (value !== undefined || optional) {
      options.push({ letter, value });
      return undefined;
    }
    io.stderr(`${program}: option requires an argument -- '${letter}'\n`);
    options.push({ letter: '?', value: undefined });
    return untilError ? '' : undefined;
  }
}

/** Where the original of a vpopmail tool is on this host: the name that it gives itself in getopt's messages. */
export function originalProgram(name: string, io: ToolIo): string {
  return path.posix.join(io.layout.host(io.layout.vpopmail), 'bin', name);
}
