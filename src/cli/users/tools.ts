// The tools for accounts. The build makes one file of them (cli/vqmail.ts).

import type { ToolsOf } from '../tools.js';

export { runProgram } from '../program.js';

export const tools: ToolsOf<'users'> = {
  vadduser: async () => (await import('./vadduser.js')).vadduser,
  vdeluser: async () => (await import('./vdeluser.js')).vdeluser,
  vpasswd: async () => (await import('./vpasswd.js')).vpasswd,
  vchangepw: async () => (await import('./vchangepw.js')).vchangepw,
  vmoduser: async () => (await import('./vmoduser.js')).vmoduser,
  vsetuserquota: async () => (await import('./vsetuserquota.js')).vsetuserquota,
  vuserinfo: async () => (await import('./vuserinfo.js')).vuserinfo,
  vmkpasswd: async () => (await import('./vmkpasswd.js')).vmkpasswd,
  vdeloldusers: async () => (await import('./vdeloldusers.js')).vdeloldusers,
  vconvert: async () => (await import('./vconvert.js')).vconvert,
};
