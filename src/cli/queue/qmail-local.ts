// qmail-local [ -nN ] user homedir local dash ext domain sender aliasempty: delivers the message on standard input by the recipient's .qmail file, as the original (formats/qmail.md 6).
//
// So it is run by qmail-lspawn, and forwards go to the host's qmail-queue. The queue of vqmail has it deliver one message after the other (cli/queue/local-deliveries).

import fs from 'node:fs';
import { MessageSource } from '../../delivery/local/message-source.js';
import { RunningPrograms } from '../../delivery/local/program.js';
import { parseLocalArguments } from '../../delivery/local/qmail-local.js';
import { describe, errnoOf } from '../../errors.js';
import { messageInput } from '../message-input.js';
import { qmailGetopt } from '../qmail-getopt.js';
import type { ToolIo } from '../tool-io.js';
import { deliverHere } from './deliver-here.js';
import { throughQmailQueue } from './forward-here.js';
import { localDeliveries } from './local-deliveries.js';

const usage = 'qmail-local: usage: qmail-local [ -nN ] user homedir local dash ext domain sender aliasempty\n';

/** The tool. @returns its exit code */
export async function qmailLocalTool(args: string[], io: ToolIo): Promise<number> {
  if (args[0] === '--deliveries') return localDeliveries(io);
  let dryRun = false;
  const operands = qmailGetopt(args, 'nN', 'qmail-local', io, (letter) => {
    dryRun = letter === 'n';
    return undefined;
  });
  const about = operands === undefined ? undefined : parseLocalArguments(operands);
  if (about === undefined) {
    io.stderr(usage);
    return 100;
  }
  process.umask(0o077);
  // Programs write to the same descriptors: ours must be there before theirs.
  const complain = (text: string | Buffer): void => writeAll(2, text);
  try {
    return await deliverHere(io, about, {
      message: new MessageSource(await messageInput(io)),
      dryRun,
      say: (text) => writeAll(1, text),
      complain,
      outputs: () => ({ stdout: 1, stderr: 2 }),
      forward: (forward) => throughQmailQueue(io, forward),
      running: new RunningPrograms(),
    });
  } catch (error) {
    complain(`${describe(error)}\n`);
    return 111;
  }
}

function writeAll(fd: number, text: string | Buffer): void {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
  for (let at = 0; at < bytes.length; ) {
    try {
      at += fs.writeSync(fd, bytes, at);
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN') return;
    }
  }
}
