// The tools for aliases, lists and mail for whole domains. The build makes one file of them (cli/vqmail.ts).

import type { ToolsOf } from '../tools.js';

export { runProgram } from '../program.js';

export const tools: ToolsOf<'mailing'> = {
  valias: async () => (await import('./valias.js')).valias,
  vdelivermail: async () => (await import('./vdelivermail.js')).vdelivermail,
  vrcptcheck: async () => (await import('./vrcptcheck.js')).vrcptcheck,
  vmakedotqmail: async () => (await import('./vmakedotqmail.js')).vmakedotqmail,
  dotqmail2valias: async () => (await import('./dotqmail2valias.js')).dotqmail2valias,
  vlist: async () => (await import('./vlist.js')).vlist,
  vpopbull: async () => (await import('./vpopbull.js')).vpopbull,
};
