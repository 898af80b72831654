// The log: one line a message on standard error, without a time, as multilog, splogger and systemd expect of a service.

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

/** The log of the daemon and the tools. */
export const standardErrorLog: Log = lineLog((line) => {
  process.stderr.write(line);
});

/** A log that keeps nothing. */
export const silentLog: Log = lineLog(() => {});
