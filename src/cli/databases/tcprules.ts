// tcprules RULES.cdb RULES.tmp < RULES: compiles access rules. Exit 0; 100 for a bad line or usage, 111 for system errors. Texts as the original's.
//
// A bad line leaves the database as it is and the temporary file empty. A line on which the original loops for ever is a bad line.

import { CdbOutput } from '../../files/cdb/cdb-output.js';
import { makeCdb } from '../../formats/databases/cdb.js';
import { compileRules, type RuleRecord, RuleSyntaxError } from '../../formats/databases/tcprules.js';
import { argumentPath, orFail, runTool, ToolFailure, type ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function tcprules(args: string[], io: ToolIo): Promise<number> {
  const [database, temporary] = args;
  if (database === undefined || temporary === undefined) {
    io.stderr('tcprules: usage: tcprules rules.cdb rules.tmp\n');
    return 100;
  }
  return runTool('tcprules: fatal: ', io, () => compile(database, temporary, io));
}

async function compile(database: string, temporary: string, io: ToolIo): Promise<number> {
  const output = await orFail(`unable to create ${temporary}`, () =>
    CdbOutput.create(argumentPath(temporary, io), io.umask),
  );
  try {
    const text = await orFail('unable to read input', () => io.readAll());
    const bytes = makeCdb(recordsOf(text));
    await orFail(`unable to write to ${temporary}`, () => output.write(bytes));
    await orFail(`unable to move ${temporary} to ${database}`, () => output.moveTo(argumentPath(database, io)));
    return 0;
  } finally {
    output.close();
  }
}

function recordsOf(text: Buffer): RuleRecord[] {
  try {
    return compileRules(text, 'standard input');
  } catch (error) {
    if (!(error instanceof RuleSyntaxError)) throw error;
    throw new ToolFailure(100, `unable to parse this line: ${beforeNul(error.text)}`);
  }
}

/** The original prints a C string. */
function beforeNul(text: string): string {
  return text.replace(/\0.*$/s, '');
}
