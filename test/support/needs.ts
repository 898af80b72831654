// Whether the real programs that a test talks to are on this machine. Missing ones skip the test, in CI they fail it.

import { existsSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';

const places = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin', '/usr/lib/postfix/sbin'];

/** The full path of a program, looked for in PATH and in the administrator's directories; a full path is looked at itself. */
export function programPath(name: string): string | undefined {
  if (path.isAbsolute(name)) return existsSync(name) ? name : undefined;
  return places.map((directory) => path.join(directory, name)).find((file) => existsSync(file));
}

/** True when every program is there; otherwise the test is skipped (`skipped: needs X`), or fails when CI is set. */
export function needs(t: TestContext, ...programs: string[]): boolean {
  const missing = programs.filter((name) => programPath(name) === undefined);
  return missing.length === 0 || refuse(t, missing.join(' '));
}

/** True when this process is root, which a test needs to own files for others or to mount. */
export function needsRoot(t: TestContext): boolean {
  return process.getuid?.() === 0 || refuse(t, 'root');
}

function refuse(t: TestContext, what: string): false {
  if (process.env.CI) throw new Error(`needs ${what}, and in CI nothing is skipped`);
  t.skip(`skipped: needs ${what}`);
  return false;
}
