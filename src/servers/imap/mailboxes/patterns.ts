// Patterns of LIST and LSUB (RFC 9051 6.3.9): `*` stands for anything, `%` for anything within one level of the hierarchy.

import { inbox, separator } from '../../../formats/mailbox/folder-names.js';

/** Whether a name matches. A pattern is matched in time linear in the name for each of its wildcards. */
export type NameMatch = (name: string) => boolean;

/** @param patterns with the reference in front; INBOX in any case at their beginning */
export function matchPatterns(patterns: readonly string[]): NameMatch {
  const all = patterns.map(partsOf);
  return (name) => all.some((parts) => matches(parts, name));
}

/** Wildcards that follow each other are one: many of them would only cost time. */
function partsOf(pattern: string): string {
  const known = pattern.toUpperCase() === inbox || pattern.toUpperCase().startsWith(`${inbox}${separator}`);
  const text = known ? inbox + pattern.slice(inbox.length) : pattern;
  return text.replace(/[*%]*\*[*%]*/g, '*').replace(/%+/g, '%');
}

/** The wildcards that may still grow are remembered: the last `%`, and the last `*` before it. */
function matches(pattern: string, name: string): boolean {
  let [at, from] = [0, 0];
  let star: { at: number; from: number } | undefined;
  let percent: { at: number; from: number } | undefined;
  for (;;) {
    const part = pattern[at];
    if (part === '*') {
      star = { at: ++at, from };
      percent = undefined;
    } else if (part === '%') percent = { at: ++at, from };
    else if (at === pattern.length && from === name.length) return true;
    else if (part !== undefined && part === name[from]) {
      at++;
      from++;
    } else if (percent !== undefined && percent.from < name.length && name[percent.from] !== separator) {
      at = percent.at;
      from = ++percent.from;
    } else if (star !== undefined && star.from < name.length) {
      at = star.at;
      from = ++star.from;
      percent = undefined;
    } else return false;
  }
}
