// The log: one line a message on standard error, without a time, as multilog, splogger and systemd expect of a service. With VQMAIL_LOG_FORMAT=json in the environment, which
// `serve --log-format json` sets for itself and its children, a line is a JSON object with the time in it.

/** Where log lines go. A text is one line; control characters in it are shown as `?`. */
export interface Log {
  info(text: string): void;
  warning(text: string): void;
  alert(text: string): void;
}

/** A log that writes lines through `write`. Warnings and alerts begin with that word, as qmail-send's do. */
export function lineLog(write: (line: string) => void): Log {
  const line = (text: string): void => write(`${text.replace(/[\x00-\x1f\x7f]/g, '?')}\n`);
  return {
    info: line,
    warning: (text) => line(`warning: ${text}`),
    alert: (text) => line(`alert: ${text}`),
  };
}

/** A log that writes each line as an object: `{"time":"2026-11-24T02:02:05.000Z","event":"warning","text":"..."}`; the event is `note`, `warning` or `alert`. */
export function jsonLog(write: (line: string) => void, now: () => Date = () => new Date()): Log {
  const line = (event: string, text: string): void =>
    write(`${JSON.stringify({ time: now().toISOString(), event, text })}\n`);
  return {
    info: (text) => line('note', text),
    warning: (text) => line('warning', text),
    alert: (text) => line('alert', text),
  };
}

const toStandardError = (line: string): void => {
  process.stderr.write(line);
};
const [lines, objects] = [lineLog(toStandardError), jsonLog(toStandardError)];
const asAsked = (): Log => (process.env.VQMAIL_LOG_FORMAT === 'json' ? objects : lines);

/** The log of the daemon and the tools. */
export const standardErrorLog: Log = {
  info: (text) => asAsked().info(text),
  warning: (text) => asAsked().warning(text),
  alert: (text) => asAsked().alert(text),
};

/** For the daemon's processes: when whoever read the log has gone, lines are lost until there is a reader again, and nothing else happens. */
export function outliveLogReader(): void {
  process.stderr.on('error', () => {});
}

/** A log that keeps nothing. */
export const silentLog: Log = lineLog(() => {});

/**
 * For lines that anybody can cause as often as he likes: the first ones of each stretch of time are written, and at its end how many more there would have been.
 * @param more the line that says so
 */
export function sparing(
  { most, ms }: { readonly most: number; readonly ms: number },
  more: (count: number) => string,
): (text: string, write: (text: string) => void) => void {
  let [count, endsAt] = [0, 0];
  return (text, write) => {
    const now = performance.now();
    if (now >= endsAt) [count, endsAt] = [0, now + ms];
    count++;
    if (count <= most) write(text);
    else if (count === most + 1)
      setTimeout(() => {
        write(more(count - most));
        endsAt = 0;
      }, endsAt - now).unref();
  };
}
