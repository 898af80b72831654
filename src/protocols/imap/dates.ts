// Dates of the protocol (RFC 9051 9).
//
//   "24-Nov-2026 02:49:18 +0000"     date-time: INTERNALDATE, APPEND; the day padded with a blank
//   24-Nov-2026, "24-Nov-2026"       date: SEARCH
//
// Times are whole seconds since 1970 in UTC.

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** A day without a zone: what a date means depends on whose clock is asked. */
export interface CalendarDay {
  readonly year: number;
  /** 0 is January. */
  readonly month: number;
  readonly day: number;
}

/** @returns undefined when it is none */
export function parseDate(text: string): CalendarDay | undefined {
  const found = /^(\d{1,2})-([A-Za-z]{3})-(\d{4})$/.exec(text);
  return found === null ? undefined : dayOf(found[1], found[2], found[3]);
}

function dayOf(
  dayText: string | undefined,
  monthText: string | undefined,
  yearText: string | undefined,
): CalendarDay | undefined {
  const month = months.findIndex((name) => name.toLowerCase() === monthText?.toLowerCase());
  const day = Number(dayText);
  const year = Number(yearText);
  const date = new Date(Date.UTC(2000, 0, 1));
  date.setUTCFullYear(year, month, day);
  return month < 0 || day < 1 || date.getUTCDate() !== day ? undefined : { year, month, day };
}

/** @returns seconds since 1970; undefined when it is no date */
export function parseDateTime(text: string): number | undefined {
  const found = /^([ \d]\d)-([A-Za-z]{3})-(\d{4}) (\d{2}):(\d{2}):(\d{2}) ([+-])(\d{2})(\d{2})$/.exec(text);
  if (found === null) return undefined;
  const [, dayText, month, year, hour, minute, second, sign, zoneHours, zoneMinutes] = found;
  const day = dayOf(dayText?.trim(), month, year);
  const [h, m, s] = [Number(hour), Number(minute), Number(second)];
  if (day === undefined || h > 23 || m > 59 || s > 60 || Number(zoneMinutes) > 59) return undefined;
  const zone = (Number(zoneHours) * 60 + Number(zoneMinutes)) * 60 * (sign === '-' ? -1 : 1);
  return secondsOfDay(day) + h * 3600 + m * 60 + s - zone;
}

/** The first second of a day in UTC. */
export function secondsOfDay({ year, month, day }: CalendarDay): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month, day);
  return date.getTime() / 1000;
}

/** `"24-Nov-2026 02:49:18 +0000"` with its quotes. @param offsetMinutes of the zone that it is shown in, east of Greenwich */
export function formatDateTime(unixSeconds: number, offsetMinutes = 0): string {
  const date = new Date((unixSeconds + offsetMinutes * 60) * 1000);
  const two = (number: number): string => String(number).padStart(2, '0');
  const day = two(date.getUTCDate());
  const clock = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
  const zone = Math.abs(offsetMinutes);
  const sign = offsetMinutes < 0 ? '-' : '+';
  const year = String(date.getUTCFullYear()).padStart(4, '0');
  return `"${day}-${months[date.getUTCMonth()]}-${year} ${clock} ${sign}${two(Math.floor(zone / 60))}${two(zone % 60)}"`;
}
