// Changing the host: what one account more costs in a domain of 100,000 beside the work that the original does there, what it costs in a batch,
// and how soon the watcher tells of a change.

import type { Workplace } from '../servers/workplace.js';
import { addUser } from './admin/add-user.js';
import { watcherLatency } from './admin/watcher-latency.js';
import type { BenchmarkOptions, BenchmarkResult } from './benchmark.js';

export async function admin(workplace: Workplace, options: BenchmarkOptions): Promise<BenchmarkResult> {
  const results: BenchmarkResult[] = [];
  for (const part of [addUser, watcherLatency]) results.push(await part(workplace, options));
  return {
    text: results.map(({ text }) => text).join('\n\n'),
    measurements: results.flatMap(({ measurements }) => measurements),
  };
}
