// qmail-remote HOST SENDER RECIPIENT...: sends the message on standard input, as the original, so that qmail-rspawn may run it (formats/qmail.md 7.6).
//
// It says everything on standard output, in reports that end with a NUL, and exits 0. Where standard input is a file, as qmail-rspawn gives it, the message is read from it
// piece by piece from its beginning; from a pipe it is read into memory first, because it has to be known before it is sent. Nothing is written to standard error, which
// qmail-rspawn takes for a report too.

import { remoteReports } from '../../delivery/remote/channel.js';
import { OutgoingMessage } from '../../delivery/remote/message.js';
import { fixedReports, type RemoteResult, resultOf, serializeReports } from '../../delivery/remote/reports.js';
import { silentLog } from '../../log.js';
import type { ToolIo } from '../tool-io.js';

export async function qmailRemote(args: string[], io: ToolIo): Promise<number> {
  io.stdout(serializeReports(await attempt(args, io)));
  return 0;
}

async function attempt([host, sender, ...recipients]: string[], io: ToolIo): Promise<RemoteResult> {
  if (host === undefined || sender === undefined || recipients.length === 0)
    return resultOf(fixedReports.invokedImproperly);
  let message: OutgoingMessage;
  try {
    const file = io.inputFile?.();
    message = file === undefined ? OutgoingMessage.ofBytes(await io.readAll()) : OutgoingMessage.ofDescriptor(file);
  } catch {
    return resultOf(fixedReports.unreadableMessage);
  }
  return remoteReports({ layout: io.layout, log: silentLog }, { host, sender, recipients, message });
}
