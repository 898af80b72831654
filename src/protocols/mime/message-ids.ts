// The message identifiers in a Message-ID, In-Reply-To or References field (RFC 5322 3.6.4): `<left@right>`, with whatever people write between them.

const most = 1000;

/** With brackets, without blanks inside, in order. */
export function messageIdsOf(value: string): string[] {
  const found: string[] = [];
  for (const [id] of value.matchAll(/<[^<>]{1,998}>/g)) {
    const plain = id.replace(/\s+/g, '');
    if (plain.length > 2) found.push(plain);
    if (found.length >= most) break;
  }
  return found;
}
