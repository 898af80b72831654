// What is odd about a line of a file that people edit. A pure module knows lines, not paths; whoever read the file adds its path.

/** One observation. `line` is counted from 1. An `error` loses, refuses or misroutes mail or cannot be used; a `warning` is likely a mistake. */
export interface LineFinding {
  readonly line: number;
  readonly severity: 'error' | 'warning';
  /** What is wrong and what to do about it. */
  readonly text: string;
}
