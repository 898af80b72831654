// A Maildir for tests.

import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { newRoot, removeRoot } from './recording.js';

/** Who runs the tests. */
export const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

/** Makes a Maildir that is gone when the test ends; files by their names in it (Latin-1), a minute old, one second apart in the order given. */
export function newMaildir(t: TestContext, files: Readonly<Record<string, string | Buffer>> = {}): string {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const maildir = path.join(root, 'Maildir');
  for (const part of ['new', 'cur', 'tmp']) mkdirSync(path.join(maildir, part), { recursive: true });
  const start = Date.now() / 1000 - 60 - Object.keys(files).length;
  for (const [index, [name, content]] of Object.entries(files).entries()) {
    const file = Buffer.from(path.join(maildir, name), 'latin1');
    writeFileSync(file, content);
    utimesSync(file, start + index, start + index);
  }
  return maildir;
}

/** The files of new/ and cur/, sorted. */
export function filesOf(maildir: string): string[] {
  return ['new', 'cur'].flatMap((part) =>
    readdirSync(path.join(maildir, part), 'latin1')
      .sort()
      .map((name) => `${part}/${name}`),
  );
}
