// The tools for logins. The build makes one file of them (cli/vqmail.ts).

import type { ToolsOf } from '../tools.js';

export { runProgram } from '../program.js';

export const tools: ToolsOf<'login'> = {
  vchkpw: async () => (await import('./vchkpw.js')).vchkpw,
  checkpassword: async () => (await import('./checkpassword.js')).checkpassword,
  clearopensmtp: async () => (await import('./clearopensmtp.js')).clearopensmtp,
  vkill: async () => (await import('./vkill.js')).vkill,
};
