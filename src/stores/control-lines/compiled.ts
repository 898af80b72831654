// users/cdb, which qmail-newu makes of users/assign, and control/morercpthosts.cdb, which qmail-newmrh makes of control/morercpthosts: made by the tools of these names
// and by every change of ours to the two texts (formats/qmail.md 1.5, 5.2).
//
// The database is written beside the old one, synced, renamed; the directory is synced. What is refused leaves the old database in force. The mode is 0644 whatever
// the umask, except for the group's and the others' write bits (the originals set their umask to 033).
// The originals use one fixed temporary name without a lock, so two of them at once can spoil each other's database. The tools here keep that name, since people know
// it; a change of the text uses a name of its own and cannot be spoilt.

import fs from 'node:fs';
import { errnoOf } from '../../errors.js';
import { CdbOutput } from '../../files/cdb/cdb-output.js';
import { bytesPath } from '../../files/read.js';
import { moreRcptHostsKeys } from '../../formats/controls/rcpthosts.js';
import { assignRecords, parseAssign, refusedByNewu } from '../../formats/controls/users-assign.js';
import { makeCdb } from '../../formats/databases/cdb.js';
import type { Layout } from '../../layout.js';
import { systemErrorText } from '../../mail/system-errors.js';

const umask = 0o033;

type Program = 'qmail-newu' | 'qmail-newmrh';

/** A database that could not be made. The message is what the original program says, without `PROGRAM: fatal: `. */
export class CompileError extends Error {
  readonly program: Program;
  constructor(program: Program, words: string, cause?: unknown) {
    super(words, { cause });
    this.program = program;
  }
}

export interface CompileOptions {
  /** Behind the database's name: `.tmp` for the tools. The file stays, empty, when they fail. */
  readonly temporaryEnding?: string;
}

/** Makes users/cdb. @throws CompileError, and the old one stays */
export async function compileAssign(layout: Layout, options: CompileOptions = {}): Promise<void> {
  const { assign, usersCdb } = layout;
  const temporary = `${usersCdb}${options.temporaryEnding ?? '.tmp'}`;
  const text = await orFail('unable to open users/assign', () => fs.readFileSync(bytesPath(assign)));
  const output = await orFail('unable to open users/cdb.tmp', () => CdbOutput.create(temporary, umask));
  try {
    const document = parseAssign(text);
    const refused = refusedByNewu(document);
    if (refused !== undefined)
      throw new CompileError(
        'qmail-newu',
        'bad format in users/assign',
        new Error(`line ${refused.line}: ${refused.text}`),
      );
    const bytes = makeCdb(assignRecords(document));
    await orFail('unable to write users/cdb.tmp', () => output.write(bytes));
    await orFail('unable to move users/cdb.tmp to users/cdb', () => output.moveTo(usersCdb));
  } finally {
    output.close();
  }
}

/** Makes control/morercpthosts.cdb. @throws CompileError, and the old one stays */
export async function compileMoreRcptHosts(layout: Layout, options: CompileOptions = {}): Promise<void> {
  const control = (name: string): string => layout.control(name);
  const temporary = control(`morercpthosts${options.temporaryEnding ?? '.tmp'}`);
  const unableToWrite = 'unable to write to control/morercpthosts.tmp';
  const unableToMove = 'unable to move control/morercpthosts.tmp to control/morercpthosts.cdb';
  const text = await orTell('unable to read control/morercpthosts', () =>
    fs.readFileSync(bytesPath(control('morercpthosts'))),
  );
  const output = await orTell(unableToWrite, () => CdbOutput.create(temporary, umask));
  try {
    const bytes = makeCdb(moreRcptHostsKeys(text).map((key) => ({ key, data: '' })));
    await orTell(unableToWrite, () => output.write(bytes));
    await orTell(unableToMove, () => output.moveTo(control('morercpthosts.cdb')));
  } finally {
    output.close();
  }
}

/** The ending for a change of the text: a temporary file that no other program writes. */
export const ownEnding = `.tmp.${process.pid}`;

/** Does one act; a system error becomes `WORDS`. */
function orFail<T>(words: string, act: () => Promise<T> | T): Promise<T> {
  return failing('qmail-newu', () => words, act);
}

/** As `orFail`, with the reason: `WORDS: file does not exist`. */
function orTell<T>(words: string, act: () => Promise<T> | T): Promise<T> {
  return failing('qmail-newmrh', (error) => `${words}: ${systemErrorText(error)}`, act);
}

async function failing<T>(program: Program, text: (error: unknown) => string, act: () => Promise<T> | T): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    throw new CompileError(program, text(error), error);
  }
}
