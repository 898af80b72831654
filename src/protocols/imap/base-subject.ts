// The base subject of RFC 5256 2.1: what is left of a subject when the marks of replies and forwards are gone. SORT orders by it and THREAD joins by it.
//
//   Re: [list] Fwd: Re[2]: hello (fwd)      hello
//   [Fwd: hello]                            hello
//
// Takes a subject whose encoded words are decoded.

export interface BaseSubject {
  readonly text: string;
  /** Whether a mark of a reply or forward was taken away. */
  readonly isReply: boolean;
}

/** Nobody writes a longer one; taking marks away costs the square of the length. */
const longestSubject = 1000;
const trailer = /(?:\s|\(fwd\))+$/i;
const blob = /^\[[^[\]]*\]\s*/;
const leader = /^(?:\[[^[\]]*\]\s*)*(?:re|fwd?)\s*(?:\[[^[\]]*\]\s*)?:/i;
const forwarded = /^\[fwd:(.*)\]$/is;

export function baseSubject(subject: string): BaseSubject {
  let text = subject.slice(0, longestSubject).replace(/\s+/g, ' ');
  let isReply = false;
  for (;;) {
    const before = text;
    if (/\(fwd\)\s*$/i.test(text)) isReply = true;
    text = text.replace(trailer, '');
    text = withoutLeaders(text, () => {
      isReply = true;
    });
    const inner = forwarded.exec(text);
    if (inner !== null) {
      text = inner[1] ?? '';
      isReply = true;
    } else if (text === before) return { text, isReply };
  }
}

/** Steps 3 to 5: leaders, and blobs in front as long as something is left behind them. */
function withoutLeaders(subject: string, found: () => void): string {
  let text = subject;
  for (;;) {
    text = text.trimStart();
    const lead = leader.exec(text);
    if (lead !== null) {
      found();
      text = text.slice(lead[0].length);
      continue;
    }
    const mark = blob.exec(text);
    const rest = mark === null ? '' : text.slice(mark[0].length);
    if (rest === '') return text;
    text = rest;
  }
}
