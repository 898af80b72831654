// A process that replaces a file as fast as it can until it is killed: `a` 40,000 times, `b` 200,000 times, `c` 40,000 times. Started by snapshot.test.ts.

import fs from 'node:fs';

// Started without arguments (the test runner takes every file here for a test) it does nothing.
const [file, manner] = process.argv.slice(2);
const versions = ['a'.repeat(40_000), 'b'.repeat(200_000), 'c'.repeat(40_000)];
for (let round = 0; file !== undefined; round++) {
  const content = versions[round % versions.length] ?? '';
  if (manner === 'rename') {
    fs.writeFileSync(`${file}.new`, content);
    fs.renameSync(`${file}.new`, file);
  } else fs.writeFileSync(file, content);
  if (round === 3) process.send?.('running');
}
