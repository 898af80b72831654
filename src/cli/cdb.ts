// vqmail cdb: the cdb files by hand.
//
//   vqmail cdb dump FILE              every record in the text form of cdbdump
//   vqmail cdb get FILE KEY [SKIP]    the data of the first record with that key, or of the one after SKIP others; exit 100 when there is none
//   vqmail cdb make FILE TMP < TEXT   makes FILE of that text, by way of TMP beside it
//
// Exit 0; 100 for usage; 111 when a file cannot be read or written, is corrupt, or the text is malformed.

import fs from 'node:fs';
import { CdbOutput } from '../files/cdb/cdb-output.js';
import { bytesPath, openIfPresent, readAt } from '../files/read.js';
import { type CdbSource, cdbFindAll, cdbRecords, makeCdb } from '../formats/databases/cdb.js';
import { cdbTextLine, parseCdbText } from '../formats/databases/cdb-text.js';
import { systemErrorText } from '../mail/system-errors.js';
import { argumentPath, orFail, runTool, ToolFailure, type ToolIo } from './tool-io.js';

const usage = `cdb: usage: cdb dump FILE
            cdb get FILE KEY [SKIP]
            cdb make FILE TMP
`;

/** The tool. @returns its exit code */
export async function cdb(args: string[], io: ToolIo): Promise<number> {
  const [act, file, second, third] = args;
  if (act === '--help') {
    io.stdout(usage);
    return 0;
  }
  return runTool('cdb: fatal: ', io, async () => {
    if (act === 'dump' && file !== undefined) return withFile(file, io, (source, path) => dump(source, path, io));
    if (act === 'get' && file !== undefined && second !== undefined && /^\d{0,9}$/.test(third ?? '')) {
      return withFile(file, io, (source, path) => get(source, path, second, Number(third ?? 0), io));
    }
    if (act === 'make' && file !== undefined && second !== undefined) return make(file, second, io);
    io.stderr(usage);
    return 100;
  });
}

async function dump(source: CdbSource, path: string, io: ToolIo): Promise<number> {
  let lines: Buffer[] = [];
  let size = 0;
  for (const record of cdbRecords(source, path)) {
    const line = cdbTextLine(record);
    lines.push(line);
    size += line.length;
    if (size < 65536) continue;
    io.stdout(Buffer.concat(lines));
    await io.flushed();
    lines = [];
    size = 0;
  }
  io.stdout(Buffer.concat([...lines, Buffer.from('\n')]));
  return 0;
}

async function get(source: CdbSource, path: string, key: string, skip: number, io: ToolIo): Promise<number> {
  const data = cdbFindAll(source, key, path)[skip];
  if (data === undefined) return 100;
  io.stdout(data);
  return 0;
}

async function make(file: string, temporary: string, io: ToolIo): Promise<number> {
  const output = await orFail(`unable to create ${temporary}`, () =>
    CdbOutput.create(argumentPath(temporary, io), io.umask),
  );
  try {
    const text = await orFail('unable to read input', () => io.readAll());
    const bytes = makeCdb(parseCdbText(text, 'standard input'));
    await orFail(`unable to write to ${temporary}`, () => output.write(bytes));
    await orFail(`unable to move ${temporary} to ${file}`, () => output.moveTo(argumentPath(file, io)));
    return 0;
  } finally {
    output.close();
  }
}

/** Opens a database for the time of one act. */
async function withFile(
  file: string,
  io: ToolIo,
  act: (source: CdbSource, path: string) => Promise<number>,
): Promise<number> {
  const words = `unable to read ${file}`;
  const path = argumentPath(file, io);
  const fd = await orFail(words, () => openIfPresent(bytesPath(path)));
  if (fd === undefined) throw new ToolFailure(111, `${words}: ${systemErrorText('ENOENT')}`);
  try {
    const status = fs.fstatSync(fd);
    if (status.isDirectory()) throw new ToolFailure(111, `${words}: ${systemErrorText('EISDIR')}`);
    return await act({ size: status.size, read: (offset, length) => readAt(fd, offset, length) }, path);
  } finally {
    fs.closeSync(fd);
  }
}
