// Where a profiled server spent its time: the functions with the largest self time, summed over every .cpuprofile of a folder
// (one per process, written by `node --cpu-prof`).

import fs from 'node:fs';
import path from 'node:path';
import { table } from './table.js';

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** A table of the `count` costliest functions; shares are of all samples that are not idle. */
export function costliestFunctions(directory: string, count = 25): string {
  const selfMs = new Map<string, number>();
  for (const name of fs.readdirSync(directory)) {
    if (name.endsWith('.cpuprofile'))
      addProfile(JSON.parse(fs.readFileSync(path.join(directory, name), 'utf8')), selfMs);
  }
  const entries = [...selfMs].filter(([name]) => !name.startsWith('(idle)')).sort((a, b) => b[1] - a[1]);
  const busy = entries.reduce((sum, [, ms]) => sum + ms, 0);
  const rows = entries
    .slice(0, count)
    .map(([name, ms]) => [name, ms.toFixed(0), `${((ms / busy) * 100).toFixed(1)} %`]);
  return table(['function', 'self ms', 'share'], rows);
}

function addProfile(profile: Profile, selfMs: Map<string, number>): void {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, frameName(callFrame)]));
  for (const [index, sample] of profile.samples.entries()) {
    const name = names.get(sample) ?? '?';
    selfMs.set(name, (selfMs.get(name) ?? 0) + (profile.timeDeltas[index] ?? 0) / 1000);
  }
}

function frameName(frame: Profile['nodes'][number]['callFrame']): string {
  const name = frame.functionName || '(anonymous)';
  if (frame.url === '') return name;
  const place = frame.url.replace(/^.*\/(?=(?:dist|node_modules)\/)/, '');
  return `${name} ${place}:${frame.lineNumber + 1}`;
}
