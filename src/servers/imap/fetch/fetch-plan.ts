// A FETCH, prepared: its items in the order in which they are answered, and what must be at hand for them.
//
// As Dovecot answers: what is short and cheap first, then the rest, each in the order in which it was asked for; what is asked for twice is answered once.

import { type FetchItem, formatItemName, marksSeen, type PlainItem } from '../../../protocols/imap/fetch-items.js';

export interface PlannedItem {
  readonly item: FetchItem;
  /** As it stands in the answer. */
  readonly name: string;
}

export interface FetchPlan {
  readonly items: readonly PlannedItem[];
  /** The file is read. */
  readonly needsText: boolean;
  /** Sizes or dates are needed. */
  readonly needsFacts: boolean;
  readonly setsSeen: boolean;
  readonly hasFlags: boolean;
  readonly hasPreview: boolean;
  /** What the cache may have, by the names in the answer; undefined when the text itself is needed. */
  readonly cached: readonly string[] | undefined;
}

const cheap: ReadonlySet<PlainItem> = new Set<PlainItem>([
  'UID',
  'FLAGS',
  'INTERNALDATE',
  'RFC822.SIZE',
  'MODSEQ',
  'EMAILID',
  'THREADID',
  'SAVEDATE',
]);
const ofFacts: ReadonlySet<PlainItem> = new Set<PlainItem>(['INTERNALDATE', 'RFC822.SIZE', 'SAVEDATE']);

/** @param options.tellsUid the answers tell UIDs, asked for or not @param options.tellsModSeq likewise mod-sequences */
export function planFetch(
  asked: readonly FetchItem[],
  { tellsUid, tellsModSeq }: { readonly tellsUid: boolean; readonly tellsModSeq: boolean },
): FetchPlan {
  const all: FetchItem[] = tellsUid ? [{ kind: 'plain', name: 'UID' }, ...asked] : [...asked];
  if (tellsModSeq) all.push({ kind: 'plain', name: 'MODSEQ' });
  const once = new Map(all.map((item) => [JSON.stringify(item), item]));
  const items = [...once.values()];
  const planned = [...items.filter(isCheap), ...items.filter((item) => !isCheap(item))].map((item) => ({
    item,
    name: formatItemName(item),
  }));
  const ofText = planned.filter(({ item }) => item.kind === 'preview' || !isCheap(item));
  return {
    items: planned,
    needsText: ofText.length > 0,
    needsFacts: items.some((item) => item.kind === 'plain' && ofFacts.has(item.name)),
    setsSeen: items.some(marksSeen),
    hasFlags: items.some((item) => item.kind === 'plain' && item.name === 'FLAGS'),
    hasPreview: items.some((item) => item.kind === 'preview'),
    cached:
      ofText.length > 0 && ofText.every(({ item }) => isCached(item)) ? ofText.map(({ name }) => name) : undefined,
  };
}

function isCheap(item: FetchItem): boolean {
  return item.kind === 'preview' || (item.kind === 'plain' && cheap.has(item.name));
}

/** What is short, costly, and asked for again. */
export function isCached(item: FetchItem): boolean {
  if (item.kind === 'preview') return true;
  if (item.kind === 'plain') return item.name === 'ENVELOPE' || item.name === 'BODYSTRUCTURE' || item.name === 'BODY';
  if (item.kind !== 'body' || item.partial !== undefined) return false;
  return item.section.part.length === 0 && item.section.what === 'HEADER.FIELDS';
}
