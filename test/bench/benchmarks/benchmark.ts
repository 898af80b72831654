// What every benchmark gets and gives.

import type { Workplace } from '../servers/workplace.js';

export interface BenchmarkOptions {
  /** A small selection, for a first look. */
  readonly quick: boolean;
  /** Measurements of each program and case; they take turns, so that a slow moment of the machine meets all of them. */
  readonly rounds: number;
  /** How long one measurement sends. */
  readonly seconds: number;
  /** How long each program works before the first measurement: node compiles what it has run some thousand times, and servers run for months. */
  readonly warmUpSeconds: number;
  /** Profile vqmail's processes into this folder. */
  readonly profile?: string | undefined;
  /** Says what is being measured, for people who wait. */
  progress(text: string): void;
}

export interface BenchmarkResult {
  /** What is printed. */
  readonly text: string;
  /** Every single measurement, for `--json`. */
  readonly measurements: readonly unknown[];
}

export type Benchmark = (workplace: Workplace, options: BenchmarkOptions) => Promise<BenchmarkResult>;

/** The list in another order each round: turned by one. */
export function turned<Item>(items: readonly Item[], round: number): Item[] {
  const by = round % Math.max(1, items.length);
  return [...items.slice(by), ...items.slice(0, by)];
}
