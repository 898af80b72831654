// The message on a tool's standard input as a file: it is read more than once, and programs are given it from its start. What is no file is copied into one that has no name.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ToolIo } from './tool-io.js';

/** A descriptor of the message, open for reading. @throws the system error */
export async function messageInput(io: ToolIo): Promise<number> {
  const given = io.inputFile?.();
  if (given !== undefined) return given;
  const bytes = await io.readAll();
  const copy = path.join(os.tmpdir(), `message.${process.pid}.${Date.now()}`);
  const fd = fs.openSync(copy, 'wx+', 0o600);
  fs.unlinkSync(copy);
  fs.writeFileSync(fd, bytes);
  return fd;
}
