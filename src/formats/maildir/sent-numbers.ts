// What users have sent within the last hour, minute by minute, as the daemon keeps it over a restart (run/vqmail/sent, mode 0600): a line for each user and minute.
//
//   joe@example.jp 29533301 3 12        user (percent-encoded), minutes since 1970, messages, recipients
//
// Ours alone: no original tool knows it. It may be lost without harm, so a line that is none of these is passed over.

export interface SentMinute {
  /** `user@domain`. */
  readonly user: string;
  readonly minute: number;
  readonly messages: number;
  readonly recipients: number;
}

const line = /^(\S+) (\d{1,10}) (\d{1,9}) (\d{1,9})$/;

export function parseSentNumbers(bytes: Buffer): SentMinute[] {
  return bytes
    .toString('latin1')
    .split('\n')
    .flatMap((text) => {
      const [, encoded = '%', ...numbers] = line.exec(text) ?? [];
      const user = decoded(encoded);
      const [minute = 0, messages = 0, recipients = 0] = numbers.map(Number);
      return user === undefined ? [] : [{ user, minute, messages, recipients }];
    });
}

export function serializeSentNumbers(sent: Iterable<SentMinute>): Buffer {
  const lines = Array.from(
    sent,
    ({ user, minute, messages, recipients }) => `${encodeURIComponent(user)} ${minute} ${messages} ${recipients}\n`,
  );
  return Buffer.from(lines.join(''), 'latin1');
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
