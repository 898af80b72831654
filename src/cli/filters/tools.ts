// The tools for `.qmail` lines. The build makes one file of them (cli/vqmail.ts).

import type { ToolsOf } from '../tools.js';

export { runProgram } from '../program.js';

export const tools: ToolsOf<'filters'> = {
  forward: async () => (await import('./forward.js')).forward,
  condredirect: async () => (await import('./condredirect.js')).condredirect,
  bouncesaying: async () => (await import('./bouncesaying.js')).bouncesaying,
  except: async () => (await import('./except.js')).except,
  preline: async () => (await import('./preline.js')).preline,
  qreceipt: async () => (await import('./qreceipt.js')).qreceipt,
  maildirmake: async () => (await import('./maildirmake.js')).maildirmake,
};
