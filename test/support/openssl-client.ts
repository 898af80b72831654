// openssl s_client, as a client of servers under test: what it is told to offer, and what came of it.

import { execFile } from 'node:child_process';

export interface OpensslOutcome {
  readonly connected: boolean;
  readonly version: string | undefined;
  readonly cipher: string | undefined;
  /** Everything that it wrote, the server's words among it. */
  readonly text: string;
}

/**
 * Connects, sends `input` and ends.
 * @param args options, such as `-starttls smtp`, `-tls1_2`, `-servername mail.example.jp`
 */
export function opensslClient(port: number | undefined, args: readonly string[], input = ''): Promise<OpensslOutcome> {
  const options = ['s_client', '-connect', `127.0.0.1:${port}`, '-crlf', ...args];
  return new Promise((resolve) => {
    const child = execFile('openssl', options, { timeout: 20_000 }, (_, stdout, stderr) => {
      const [, version, cipher] = /^New, (?:\S+), Cipher is (?!\(NONE\))/m.test(stdout)
        ? (/^\s*Protocol\s*: (\S+)\n\s*Cipher\s*: (\S+)/m.exec(stdout) ??
          /^New, (\S+), Cipher is (\S+)$/m.exec(stdout) ??
          [])
        : [];
      resolve({ connected: cipher !== undefined, version, cipher, text: stdout + stderr });
    });
    // A client whose handshake failed reads nothing.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}
