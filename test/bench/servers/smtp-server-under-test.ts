// What the SMTP benchmarks need to know of a server, whichever it is.

/** A started server that takes mail by SMTP and puts it into Maildirs. */
export interface SmtpServerUnderTest {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  /** The Maildirs of `recipients`, in the same order. */
  readonly maildirs: readonly string[];
  readonly recipients: readonly string[];
  /** Resolves when everything acknowledged is in its Maildir. */
  drained(): Promise<void>;
  stop(): Promise<void>;
}

export const accountCount = 100;
export const mailDomain = 'd0.bench.example';

/** The account names of the delivery benchmarks. */
export const accountNames: readonly string[] = Array.from({ length: accountCount }, (_, number) => `u${number}`);
