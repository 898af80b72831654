#!/usr/bin/env node
// The way into the program: `vqmail NAME ARGUMENTS...`, or NAME itself through a symbolic link.
//
// Scripts call tools in loops, and node takes longer to load a hundred modules one by one than most tools for their work. So the build (.bundle-tools.mjs) makes one file of this module,
// vqmail.cjs, and one of the tools of each folder, such as users-tools.cjs. Each holds all that it needs of this project, and shares nothing with the others. All other commands are run by the
// modules themselves.

import { createRequire } from 'node:module';
import { calledFor } from './called-for.js';
import type { ProgramOptions, runProgram } from './program.js';
import { folderOf, shortNames, type ToolFolder } from './tools.js';

/** What a folder's tools.ts exports. */
interface ToolProgram {
  readonly runProgram: typeof runProgram;
  readonly tools: ProgramOptions['commands'];
}

async function run(): Promise<void> {
  const folder = calledFolder();
  if (folder === undefined) {
    const { runEveryCommand } = await import('./every-command.js');
    return runEveryCommand();
  }
  const program = await programOf(folder);
  const otherwise = (): number => 100;
  return program.runProgram({ commands: program.tools, shortNames, hostOptionsAnywhere: false, otherwise });
}

/** Where the tool is that this process was called for; undefined: it was called for none, or wrongly, which is told when all commands are known. */
function calledFolder(): ToolFolder | undefined {
  try {
    const { name = '' } = calledFor((name) => folderOf(name) !== undefined);
    return folderOf(shortNames[name] ?? name);
  } catch {
    return undefined;
  }
}

function programOf(folder: ToolFolder): ToolProgram | Promise<ToolProgram> {
  const own = import.meta.url;
  if (own.endsWith('.cjs')) return createRequire(own)(`./${folder}-tools.cjs`) as ToolProgram;
  // Not built: from the modules.
  const modules = `./${folder}/tools.js`;
  return import(modules) as Promise<ToolProgram>;
}

void run();
