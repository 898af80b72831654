// Comparing texts without case, as SEARCH and SORT do (I18NLEVEL=1, RFC 5255; i;unicode-casemap, RFC 5051): compatibility decomposition, then one case.

/** Two texts that compare equal have one key; substrings have substrings. */
export function collationKey(text: string): string {
  if (!/[^\x00-\x7f]/.test(text)) return text.toLowerCase();
  return text.normalize('NFKD').toLowerCase().replaceAll('ς', 'σ');
}

/** What texts are ordered by: in upper case, so that `_` and `[` come behind the letters, as the collation has it. */
export function orderingKey(text: string): string {
  return collationKey(text).toUpperCase();
}

/** By code point, as UTF-8 bytes would be ordered. */
export function compareKeys(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
