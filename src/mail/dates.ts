// Dates as text. Times are whole seconds since 1970 in UTC.
//
//   qmail     24 Nov 2026 02:02:05 -0000           Received lines; day not padded, no weekday, always UTC (qmail's date822fmt.c)
//   mbox      Tue Nov 24 02:02:05 2026             `From ` lines; day padded with zero, UTC (qmail's gmtime, not ctime's blank)
//   RFC 5322  Tue, 24 Nov 2026 02:02:05 +0000      the Date field of messages made here (vpopmail's quota warning)
//
// The writers take any time from year 0 to 9999. The first two are read strictly, as they are written. The third is read as RFC 5322 3.3 and 4.3 allow:
// comments, folding, missing weekday or seconds, years of two and three digits, zone names. A weekday that does not fit the date is ignored.

/** A moment with the zone it was written in. */
export interface ZonedTime {
  readonly unixSeconds: number;
  /** Minutes east of Greenwich; 0 for `-0000` and unknown zone names. */
  readonly offsetMinutes: number;
}

const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const;
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** `5 Nov 2026 02:02:05 -0000` */
export function qmailDate(unixSeconds: number): string {
  const date = utc(unixSeconds);
  return `${date.getUTCDate()} ${monthOf(date)} ${yearOf(date)} ${clockOf(date)} -0000`;
}

/** `Thu Nov 05 02:02:05 2026` */
export function mboxDate(unixSeconds: number): string {
  const date = utc(unixSeconds);
  return `${weekdayOf(date)} ${monthOf(date)} ${two(date.getUTCDate())} ${clockOf(date)} ${yearOf(date)}`;
}

/** `Thu, 05 Nov 2026 02:02:05 +0000`, or the local time of a zone `offsetMinutes` east of Greenwich. */
export function rfc5322Date(unixSeconds: number, offsetMinutes = 0): string {
  const date = utc(unixSeconds + offsetMinutes * 60);
  const zone = Math.abs(offsetMinutes);
  const sign = offsetMinutes < 0 ? '-' : '+';
  const day = `${weekdayOf(date)}, ${two(date.getUTCDate())} ${monthOf(date)} ${yearOf(date)}`;
  return `${day} ${clockOf(date)} ${sign}${two(Math.floor(zone / 60))}${two(zone % 60)}`;
}

/** Reads what `qmailDate` writes, exactly; undefined for anything else. */
export function parseQmailDate(text: string): number | undefined {
  const found = /^(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) -0000$/.exec(text);
  return found === null ? undefined : secondsOf(found[3], found[2], found[1], found[4], found[5], found[6]);
}

/** Reads what `mboxDate` writes, and ctime's form with the day padded by a blank; undefined for anything else. */
export function parseMboxDate(text: string): number | undefined {
  const found = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/.exec(text);
  return found === null ? undefined : secondsOf(found[6], found[1], found[2], found[3], found[4], found[5]);
}

/** Reads the value of a Date field; undefined when it is none. `text` may be folded and hold comments. */
export function parseRfc5322Date(text: string): ZonedTime | undefined {
  const found =
    /^(?:[a-z]{3,9}\s*,?\s*)?(\d{1,2})[\s-]+([a-z]{3})[a-z]*[\s-]+(\d{2,4})\s+(\d{1,2})\s*:\s*(\d{2})(?:\s*:\s*(\d{2}))?(?:\s*([+-]\d{4}|[a-z]{1,5}))?$/i.exec(
      withoutComments(text).trim(),
    );
  if (found === null) return undefined;
  const seconds = secondsOf(fullYear(found[3]), capitalized(found[2]), found[1], found[4], found[5], found[6] ?? '0');
  const offsetMinutes = offsetOf(found[7] ?? '-0000');
  if (seconds === undefined || offsetMinutes === undefined) return undefined;
  return { unixSeconds: seconds - offsetMinutes * 60, offsetMinutes };
}

function utc(unixSeconds: number): Date {
  const date = new Date(Math.floor(unixSeconds) * 1000);
  const year = date.getUTCFullYear();
  if (!(year >= 0 && year <= 9999)) throw new RangeError(`no date can be written for ${unixSeconds} seconds`);
  return date;
}

function two(number: number): string {
  return number < 10 ? `0${number}` : String(number);
}
function monthOf(date: Date): string {
  return months[date.getUTCMonth()] ?? '';
}
function weekdayOf(date: Date): string {
  return weekdays[date.getUTCDay()] ?? '';
}
function yearOf(date: Date): string {
  return String(date.getUTCFullYear()).padStart(4, '0');
}
function clockOf(date: Date): string {
  return `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
}

type Digits = string | undefined;

function secondsOf(
  year: Digits,
  month: Digits,
  day: Digits,
  hour: Digits,
  minute: Digits,
  second: Digits,
): number | undefined {
  const monthIndex = (months as readonly string[]).indexOf(month ?? '');
  const [y, d, h, m, s] = [Number(year), Number(day), Number(hour), Number(minute), Number(second)];
  // A leap second (60) is read as the first second of the next minute.
  if (monthIndex < 0 || h > 23 || m > 59 || s > 60) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(y, monthIndex, d);
  if (d < 1 || date.getUTCDate() !== d) return undefined;
  return date.getTime() / 1000 + h * 3600 + m * 60 + s;
}

/** RFC 5322 4.3: two digits up to 49 are 20xx, other years of two or three digits count from 1900. */
function fullYear(digits: Digits): string {
  const year = Number(digits);
  if (digits?.length === 2) return String(year < 50 ? 2000 + year : 1900 + year);
  return String(digits?.length === 3 ? 1900 + year : year);
}

function capitalized(name: Digits): string {
  return `${name?.slice(0, 1).toUpperCase()}${name?.slice(1).toLowerCase()}`;
}

const namedZones: Readonly<Record<string, number>> = {
  EST: -5,
  EDT: -4,
  CST: -6,
  CDT: -5,
  MST: -7,
  MDT: -6,
  PST: -8,
  PDT: -7,
};

/** Minutes of a zone. Letters without a known meaning, the military ones among them, count as `-0000` (RFC 5322 4.3). */
function offsetOf(zone: string): number | undefined {
  const found = /^([+-])(\d{2})(\d{2})$/.exec(zone);
  if (found === null) return (namedZones[zone.toUpperCase()] ?? 0) * 60;
  const minutes = Number(found[2]) * 60 + Number(found[3]);
  if (Number(found[3]) > 59) return undefined;
  return found[1] === '-' && minutes > 0 ? -minutes : minutes;
}

/** Comments may be nested and hold quoted characters; each becomes a blank. An unclosed one swallows the rest. */
function withoutComments(text: string): string {
  if (!text.includes('(')) return text;
  let depth = 0;
  let kept = '';
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? '';
    if (character === '\\' && depth > 0) at++;
    else if (character === '(') depth++;
    else if (character === ')' && depth > 0) {
      depth--;
      kept += ' ';
    } else if (depth === 0) kept += character;
  }
  return kept;
}
