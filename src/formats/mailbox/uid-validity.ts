// The counter of UIDVALIDITY values of an account (formats/dovecot.md 2.3).
//
//   dovecot-uidvalidity               8 hexadecimal digits, no LF: the last value that was given out, 6b04ef63 = 1795485539
//   dovecot-uidvalidity.6b04ef63      empty, 0444; its rename to the next number is the atomic step of the counter

const counterName = /^dovecot-uidvalidity\.([0-9a-f]{8})$/;

/** The value in dovecot-uidvalidity; undefined when it is none. */
export function parseUidValidity(text: string): number | undefined {
  return /^[0-9a-f]{8}$/.test(text) ? Number.parseInt(text, 16) : undefined;
}

/** What stands in dovecot-uidvalidity; the mirror of `parseUidValidity`. */
export function serializeUidValidity(value: number): string {
  return value.toString(16).padStart(8, '0');
}

/** The file whose name is the counter at this value. */
export function uidValidityCounter(value: number): string {
  return `dovecot-uidvalidity.${serializeUidValidity(value)}`;
}

/** The value that a counter's file name holds; undefined for other names. */
export function counterValue(name: string): number | undefined {
  const digits = counterName.exec(name)?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}

/** The value after another; 0 is none. */
export function nextUidValidity(value: number): number {
  return value >= 0xffff_ffff ? 1 : value + 1;
}
