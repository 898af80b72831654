// What qmail-lspawn and qmail-rspawn look at before each delivery (spawn.c): that the message's file can be opened, is a file, and is qmailq's. A message of somebody else was not
// queued by qmail-queue, and its envelope means nothing: it is put off, so that a person looks at it.

import fs from 'node:fs';
import { bytesPath } from '../files/read.js';
import { splitAddress } from '../mail/address.js';
import { fixedReports, type MessageReport, reportOf, resultOf } from './remote/reports.js';
import type { DeliveryChannel } from './report.js';

/** A channel that gets only messages which pass. @param owner qmailq's uid; undefined: any, since an ordinary user's queue is its own */
export function spawning(channel: DeliveryChannel, owner: number | undefined): DeliveryChannel {
  return {
    async deliver(attempt, report) {
      const trouble = troubleOf(attempt.message.path, owner);
      if (trouble === undefined) return channel.deliver(attempt, report);
      for (const [index, recipient] of attempt.recipients.entries()) {
        const hasHost = splitAddress(recipient).domain !== undefined;
        report(index, reportOf(resultOf(hasHost ? trouble : fixedReports.noHostName), 0));
      }
    },
    close: () => channel.close(),
  };
}

function troubleOf(path: string, owner: number | undefined): MessageReport | undefined {
  let fd: number;
  try {
    fd = fs.openSync(bytesPath(path), fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  } catch {
    return fixedReports.unopenedMessage;
  }
  try {
    const status = fs.fstatSync(fd);
    if (!status.isFile()) return fixedReports.wrongType;
    return owner === undefined || status.uid === owner ? undefined : fixedReports.wrongOwner;
  } finally {
    fs.closeSync(fd);
  }
}
