// The tools for domains. The build makes one file of them (cli/vqmail.ts).

import type { ToolsOf } from '../tools.js';

export { runProgram } from '../program.js';

export const tools: ToolsOf<'domains'> = {
  vadddomain: async () => (await import('./vadddomain.js')).vadddomain,
  vdeldomain: async () => (await import('./vdeldomain.js')).vdeldomain,
  vaddaliasdomain: async () => (await import('./vaddaliasdomain.js')).vaddaliasdomain,
  vdominfo: async () => (await import('./vdominfo.js')).vdominfo,
  vmoddomlimits: async () => (await import('./vmoddomlimits.js')).vmoddomlimits,
  vipmap: async () => (await import('./vipmap.js')).vipmap,
};
