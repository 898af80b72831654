// A client's address in the form in which ucspi-tcp writes it into TCPREMOTEIP, so that access rules, which are compared as text, match.
//
// IPv4 is dotted, also for a client that came through an IPv6 socket (`::ffff:192.0.2.1`). IPv6 is lower-case hexadecimal without leading zeros, and the
// longest run of zero groups is `::`, the first one of several, **also a run of one group** (RFC 5952 would write that as 0).

/**
 * The address in ucspi-tcp's form. What is not an IP address comes back as it is.
 * @param ip as Node gives it; a zone (`%eth0`) is dropped
 */
export function ucspiAddress(ip: string): string {
  if (!ip.includes(':')) return ip;
  const groups = ipv6Groups(ip.replace(/%.*$/s, ''));
  if (groups === undefined) return ip;
  if (groups.slice(0, 6).join() === '0,0,0,0,0,65535') return dotted(groups.slice(6));
  return shortest(groups);
}

/** The eight 16-bit numbers of an IPv6 address; undefined when it is none. */
export function ipv6Groups(text: string): number[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const front = groupsOf(halves[0] ?? '', halves.length === 1);
  const back = groupsOf(halves[1] ?? '', true);
  if (front === undefined || back === undefined) return undefined;
  const missing = 8 - front.length - back.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  return [...front, ...Array<number>(missing).fill(0), ...back];
}

/** @param ends whether the address ends with this text: only there may the dotted form stand */
function groupsOf(text: string, ends: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const words = text.split(':');
  for (const [index, word] of words.entries()) {
    const pair = ends && index === words.length - 1 ? dottedGroups(word) : undefined;
    if (pair !== undefined) groups.push(...pair);
    else if (/^[0-9a-f]{1,4}$/i.test(word)) groups.push(Number.parseInt(word, 16));
    else return undefined;
  }
  return groups;
}

/** The two groups of the dotted form at an address's end. */
function dottedGroups(text: string): [number, number] | undefined {
  const numbers = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (numbers === undefined || numbers.some((number) => number > 255)) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = numbers;
  return [a * 256 + b, c * 256 + d];
}

function dotted(groups: number[]): string {
  return groups.map((group) => `${group >> 8}.${group & 255}`).join('.');
}

function shortest(groups: number[]): string {
  let start = 0;
  let longest = 0;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > longest) {
      start = i;
      longest = end - i;
    }
  }
  const words = groups.map((group) => group.toString(16));
  if (longest === 0) return words.join(':');
  return `${words.slice(0, start).join(':')}::${words.slice(start + longest).join(':')}`;
}
