// The beginning of what a message says, for PREVIEW (RFC 8970): at most 200 characters, blanks of any kind as one, lines that only quote another message left out as long as there is something else.

const mostCharacters = 200;

/** @param text of the first part that is text, decoded */
export function previewOf(text: string, isHtml: boolean): string {
  const plain = isHtml ? textOfHtml(text) : text;
  const lines = plain.split(/\r?\n/);
  const own = lines.filter((line) => !line.startsWith('>'));
  const shown = squeezed(own.join('\n')) || squeezed(lines.map((line) => line.replace(/^[> ]+/, '')).join('\n'));
  return [...shown].slice(0, mostCharacters).join('').trimEnd();
}

function squeezed(text: string): string {
  return text.replace(/[\s\u00a0\u200b\ufeff]+/gu, ' ').trim();
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

function textOfHtml(html: string): string {
  return html
    .replace(/<(script|style|head|blockquote)\b[\s\S]*?(?:<\/\1\s*>|$)/gi, ' ')
    .replace(/<!--[\s\S]*?(?:-->|$)/g, ' ')
    .replace(/<[^>]*>?/g, ' ')
    .replace(/&(#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{1,10});?/gi, (whole, name: string) => entityText(name) ?? whole);
}

function entityText(name: string): string | undefined {
  if (!name.startsWith('#')) return entities[name.toLowerCase()];
  const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
  return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : undefined;
}
