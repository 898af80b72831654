// THREAD's algorithms (RFC 5256 3): messages in, trees of their numbers out.
//
//   ORDEREDSUBJECT    messages of one base subject, by date: the first is the parent of all others
//   REFERENCES        by Message-ID, References and In-Reply-To; then trees of one base subject are joined
//   REFS              the same without joining by subject, and the tree with the newest message comes last (draft-ietf-morg-inthread; Dovecot)
//
//   (2)(3 6 (4 23)(44 7 96))        3's child is 6, which has two children
//
// No recursion: a chain of references may be as long as a mailbox.

import { baseSubject } from './base-subject.js';

export interface ThreadMessage {
  /** What the answer calls it: a UID or a sequence number. */
  readonly number: number;
  /** Seconds since 1970: when it was sent, else when it came. */
  readonly sentAt: number;
  /** Decoded. */
  readonly subject: string;
  /** With brackets; undefined when it has none. */
  readonly messageId: string | undefined;
  /** Of References, else the first of In-Reply-To, in order, with brackets. */
  readonly references: readonly string[];
}

export interface ThreadNode {
  /** undefined: a message that is referred to and not there. */
  readonly number: number | undefined;
  readonly children: readonly ThreadNode[];
}

interface Node {
  message: ThreadMessage | undefined;
  parent: Node | undefined;
  children: Node[];
}

/** @returns trees in the order of their first messages */
export function threadByOrderedSubject(messages: readonly ThreadMessage[]): ThreadNode[] {
  const sorted = [...messages].sort(byDate);
  const threads = new Map<string, { number: number; children: ThreadNode[] }>();
  for (const { number, subject } of sorted) {
    const key = baseSubject(subject).text.toUpperCase();
    const thread = threads.get(key);
    if (thread === undefined) threads.set(key, { number, children: [] });
    else thread.children.push({ number, children: [] });
  }
  return [...threads.values()];
}

export function threadByReferences(messages: readonly ThreadMessage[]): ThreadNode[] {
  const roots = prune(link(messages));
  sortAll(roots);
  const joined = joinBySubject(roots);
  sortAll(joined);
  return joined.map(toThreadNode);
}

export function threadByRefs(messages: readonly ThreadMessage[]): ThreadNode[] {
  const roots = prune(link(messages));
  sortAll(roots);
  const newest = new Map(roots.map((root) => [root, newestOf(root)]));
  roots.sort((a, b) => (newest.get(a) ?? 0) - (newest.get(b) ?? 0) || firstOf(a).number - firstOf(b).number);
  return roots.map(toThreadNode);
}

/** When the newest message of a tree was sent. */
function newestOf(root: Node): number {
  let newest = Number.NEGATIVE_INFINITY;
  for (const { message } of deepestFirst([root])) newest = Math.max(newest, message?.sentAt ?? newest);
  return newest;
}

/** Steps 1 and 2: nodes with their parents. @returns every root */
function link(messages: readonly ThreadMessage[]): Node[] {
  const byId = new Map<string, Node>();
  const all: Node[] = [];
  const newNode = (message?: ThreadMessage): Node => {
    const node: Node = { message, parent: undefined, children: [] };
    all.push(node);
    return node;
  };
  const nodeOf = (id: string): Node => {
    const known = byId.get(id);
    if (known !== undefined) return known;
    const node = newNode();
    byId.set(id, node);
    return node;
  };
  for (const message of messages) {
    const { messageId } = message;
    const placeholder = messageId === undefined ? undefined : byId.get(messageId);
    const isFree = placeholder !== undefined && placeholder.message === undefined;
    // A Message-ID that another message has already counts for nothing.
    const node = isFree ? placeholder : newNode();
    node.message = message;
    if (messageId !== undefined && placeholder === undefined) byId.set(messageId, node);
    let parent: Node | undefined;
    for (const reference of message.references) {
      const next = nodeOf(reference);
      if (parent !== undefined && next.parent === undefined) adopt(parent, next);
      parent = next;
    }
    // What the message itself says of its parent is better than what others said.
    detach(node);
    if (parent !== undefined) adopt(parent, node);
  }
  return all.filter(({ parent }) => parent === undefined);
}

function adopt(parent: Node, child: Node): void {
  for (let above: Node | undefined = parent; above !== undefined; above = above.parent) if (above === child) return;
  child.parent = parent;
  parent.children.push(child);
}

function detach(node: Node): void {
  const { parent } = node;
  if (parent === undefined) return;
  parent.children.splice(parent.children.indexOf(node), 1);
  node.parent = undefined;
}

/** Step 3: nodes without a message go, and their children take their place; at the top only when there is just one. */
function prune(roots: readonly Node[]): Node[] {
  for (const node of deepestFirst(roots)) {
    node.children = node.children.flatMap((child) => (child.message === undefined ? child.children : [child]));
    for (const child of node.children) child.parent = node;
  }
  return roots.flatMap((root) => {
    if (root.message !== undefined || root.children.length > 1) return [root];
    for (const child of root.children) child.parent = undefined;
    return root.children;
  });
}

function deepestFirst(roots: readonly Node[]): Node[] {
  const order: Node[] = [...roots];
  for (let at = 0; at < order.length; at++) order.push(...(order[at]?.children ?? []));
  return order.reverse();
}

/** Step 4 and 6: children by date, and roots. */
function sortAll(roots: Node[]): void {
  for (const node of deepestFirst(roots)) node.children.sort((a, b) => byDate(firstOf(a), firstOf(b)));
  roots.sort((a, b) => byDate(firstOf(a), firstOf(b)));
}

/** The message that stands for a tree. */
function firstOf(node: Node): ThreadMessage {
  const message = node.message ?? node.children[0]?.message;
  if (message === undefined) throw new Error('a tree without a message');
  return message;
}

function byDate(a: ThreadMessage, b: ThreadMessage): number {
  return a.sentAt - b.sentAt || a.number - b.number;
}

/** Step 5: trees of one base subject become one. */
function joinBySubject(roots: readonly Node[]): Node[] {
  const table = new Map<string, Node>();
  for (const root of roots) {
    const { text, isReply } = baseSubject(firstOf(root).subject);
    if (text === '') continue;
    const known = table.get(text.toUpperCase());
    const isBetter =
      known === undefined ||
      (root.message === undefined && known.message !== undefined) ||
      (known.message !== undefined && baseSubject(known.message.subject).isReply && !isReply);
    if (isBetter) table.set(text.toUpperCase(), root);
  }
  const joined = new Set(roots);
  for (const root of roots) {
    const subject = baseSubject(firstOf(root).subject);
    const other = subject.text === '' ? undefined : table.get(subject.text.toUpperCase());
    if (other === undefined || other === root) continue;
    joined.delete(root);
    if (root.message === undefined && other.message === undefined) other.children.push(...root.children);
    else if (other.message === undefined) other.children.push(root);
    else if (subject.isReply && !baseSubject(other.message.subject).isReply) other.children.push(root);
    else {
      const both: Node = { message: undefined, parent: undefined, children: [other, root] };
      joined.delete(other);
      joined.add(both);
      table.set(subject.text.toUpperCase(), both);
    }
  }
  return [...joined];
}

function toThreadNode(root: Node): ThreadNode {
  const made = new Map<Node, ThreadNode>();
  for (const node of deepestFirst([root]))
    made.set(node, {
      number: node.message?.number,
      children: node.children.map((child) => made.get(child) as ThreadNode),
    });
  return made.get(root) as ThreadNode;
}

/** `(2)(3 6 (4 23)(44 7 96))` */
export function formatThreads(threads: readonly ThreadNode[]): string {
  const parts: string[] = [];
  const pending: (ThreadNode | string)[] = [...threads].reverse().flatMap((thread) => [')', thread, '(']);
  while (pending.length > 0) {
    const next = pending.pop() as ThreadNode | string;
    if (typeof next === 'string') {
      parts.push(next);
      continue;
    }
    const { number, children } = next;
    if (number !== undefined) parts.push(String(number));
    const [only] = children;
    if (children.length === 1 && only !== undefined && number !== undefined) pending.push(only, ' ');
    else {
      pending.push(...[...children].reverse().flatMap((child) => [')', child, '(']));
      if (children.length > 0 && number !== undefined) pending.push(' ');
    }
  }
  return parts.join('');
}
