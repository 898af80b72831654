// The end of a delivery before its last instruction.

export class Stop extends Error {
  readonly exitCode: number;
  /** What is said of it, as the original says it. */
  readonly output: string | Buffer;

  constructor(exitCode: number, output: string | Buffer) {
    super(output.toString());
    this.exitCode = exitCode;
    this.output = output;
  }
}
