// dotqmail2valias: moves aliases from .qmail files into the database of a vpopmail that was built with --enable-valias. With the cdb files that this host has, aliases
// are the .qmail files, and the original says so, whatever it is asked.

import type { ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function dotqmail2valias(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('You must enable valiases (./configure --enable-valias) to use this program.\n');
  return 255;
}
