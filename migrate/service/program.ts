// How a service starts this program on this host.

import { fileURLToPath } from 'node:url';
import { Layout } from '../../src/layout.js';

/** The words that start this very program. */
export function thisProgram(): string[] {
  return [process.execPath, fileURLToPath(new URL('../../src/cli/vqmail.cjs', import.meta.url))];
}

/** The options that place the host, where it is not in its customary place. */
export function layoutOptions(layout: Layout): string[] {
  const usual = new Layout({ root: layout.root });
  return [
    ...(layout.root === '/' ? [] : ['--root', layout.root]),
    ...(layout.qmail === usual.qmail ? [] : ['--qmail-dir', layout.qmail]),
    ...(layout.vpopmail === usual.vpopmail ? [] : ['--vpopmail-dir', layout.vpopmail]),
    ...(layout.tcp === usual.tcp ? [] : ['--tcp-dir', layout.tcp]),
  ];
}
