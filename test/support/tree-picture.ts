// A picture of a tree: every path with its kind, mode, owner, size, times of change and content; only the time of the last reading is left out.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

/** One line for each path, in order. */
export function treePicture(root: string): string[] {
  const names = fs.readdirSync(root, { recursive: true, encoding: 'latin1' }).sort();
  return ['', ...names].map((name) => {
    const file = Buffer.from(path.join(root, name), 'latin1');
    const { mode, uid, gid, size, mtimeNs, ctimeNs, ino } = fs.lstatSync(file, { bigint: true });
    const content = fs.lstatSync(file).isFile() ? createHash('sha256').update(fs.readFileSync(file)).digest('hex') : '';
    return [name, mode, uid, gid, size, mtimeNs, ctimeNs, ino, content].join(' ');
  });
}
