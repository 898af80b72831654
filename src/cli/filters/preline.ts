// preline [-frdFRD] PROGRAM [ARGUMENT...]: gives a program the message with the lines above it that old mailers expect: `From `, Return-Path, Delivered-To; a small letter leaves one out. As
// the original; its exit code is the program's.

import { once } from 'node:events';
import { qmailGetopt } from '../qmail-getopt.js';
import { inputPieces, runTool, ToolFailure, type ToolIo } from '../tool-io.js';
import { runFilter } from './child.js';

const lines = { f: 'UFLINE', r: 'RPLINE', d: 'DTLINE' } as const;

/** The tool. @returns its exit code */
export async function preline(args: string[], io: ToolIo): Promise<number> {
  const given = readArguments(args, io);
  if (given === undefined) {
    io.stderr('preline: usage: preline cmd [ arg ... ]\n');
    return 100;
  }
  const { head, program } = given;
  return runTool('preline: fatal: ', io, async () => {
    const end = await runFilter(program, io, async (stdin) => {
      stdin.write(head, 'latin1');
      for await (const piece of inputPieces(io)) {
        if (!stdin.writable) return;
        if (!stdin.write(piece)) await Promise.race([once(stdin, 'drain'), once(stdin, 'close')]).catch(() => {});
      }
    });
    if ('isCrashed' in end) throw new ToolFailure(111, 'child crashed');
    if ('exitCode' in end) return end.exitCode;
    throw new ToolFailure(end.isTemporary ? 111 : 100, `unable to run ${program[0] ?? ''}: ${end.problem}`);
  });
}

function readArguments(
  args: readonly string[],
  { env, stderr }: ToolIo,
): { readonly head: string; readonly program: readonly string[] } | undefined {
  if (Object.values(lines).some((name) => env[name] === undefined)) return undefined;
  const wanted: Record<string, boolean> = { f: true, r: true, d: true };
  const program = qmailGetopt(args, 'frdFRD', 'preline', { stderr }, (letter) => {
    wanted[letter.toLowerCase()] = letter === letter.toUpperCase();
    return undefined;
  });
  if (program === undefined || program.length === 0) return undefined;
  const head = (['f', 'r', 'd'] as const).map((letter) => (wanted[letter] ? (env[lines[letter]] ?? '') : '')).join('');
  return { head, program };
}
