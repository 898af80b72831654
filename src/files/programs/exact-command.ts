// Starting programs with arguments and variables that are any bytes. Node encodes both in UTF-8, so what is not UTF-8 (an address in Latin-1, say) would reach the program as something
// else. Then a shell is started instead, which is told the bytes in octal, sets the variables and becomes the program:
//
//   /bin/sh -c 'eval "$(printf %b "$1")"' sh '\0145\0170...'          export SENDER='ren\351@example.jp'
//                                                                    exec '/bin/sh' '-c' 'cat >> mail'

import { isUtf8 } from 'node:buffer';

/** What is to be started; everything Latin-1, one character a byte. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Where it starts; where this process is unless given. */
  readonly directory?: string;
}

/** The same as node's spawn takes it. */
export interface SpawnArguments {
  readonly file: string;
  readonly args: string[];
  readonly options: { readonly cwd?: string; readonly env: Record<string, string> };
}

/** How to start a command so that it gets exactly its bytes. */
export function exactCommand({ program, args, env, directory }: Command): SpawnArguments {
  const variables = Object.entries(env);
  const plain = variables.filter(([, value]) => isText(value));
  const isTextDirectory = directory === undefined || isText(directory);
  const options = {
    ...(directory !== undefined && { cwd: isTextDirectory ? utf8(directory) : '/' }),
    env: Object.fromEntries(plain.map(([name, value]) => [utf8(name), utf8(value)])),
  };
  const words = [program, ...args];
  if (plain.length === variables.length && isTextDirectory && words.every(isText))
    return { file: utf8(program), args: args.map(utf8), options };
  const script = [
    ...variables
      .filter(([name, value]) => !isText(value) && /^[A-Za-z_]\w*$/.test(name))
      .map(([name, value]) => `export ${name}=${quoted(value)}`),
    ...(isTextDirectory ? [] : [`cd ${quoted(directory)} || exit 111`]),
    `exec ${words.map(quoted).join(' ')}`,
  ];
  return { file: '/bin/sh', args: ['-c', 'eval "$(printf %b "$1")"', 'sh', octal(script.join('\n'))], options };
}

function isText(text: string): boolean {
  return isUtf8(Buffer.from(text, 'latin1'));
}

function utf8(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function octal(text: string): string {
  return [...Buffer.from(text, 'latin1')].map((byte) => `\\0${byte.toString(8).padStart(3, '0')}`).join('');
}
