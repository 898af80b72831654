// The envelope sender of a message that a .qmail file forwards (formats/qmail.md 6.4): the lists' trick by which bounces go to the owner of an address.
//
//   .qmail-list-owner                               there is none           there is one
//   sender of forwards for list@example.jp          unchanged               list-owner@example.jp
//   with .qmail-list-owner-default too                                      list-owner-@example.jp-@[], which the queue makes one of for each recipient (VERP)
//
// A null sender and `#@[]` stay: bounces are not answered.

import fs from 'node:fs';
import { bytesPath } from '../../files/read.js';
import { domainFiles } from '../../layout.js';
import { lower } from '../../mail/address.js';
import type { LocalArguments } from './arguments.js';
import { isTemporary, systemFailure } from './failure.js';

/** @param directory of the home (disk path) @throws LocalFailure when that cannot be told now */
export function forwardSender(about: LocalArguments, directory: string): string {
  const { sender, local, domain, dash, extension } = about;
  if (sender === '' || sender === '#@[]') return sender;
  const suffix = dash + lower(extension).replaceAll('.', ':');
  if (!exists(directory, `${suffix}-owner`)) return sender;
  return exists(directory, `${suffix}-owner-default`) ? `${local}-owner-@${domain}-@[]` : `${local}-owner@${domain}`;
}

function exists(directory: string, suffix: string): boolean {
  if (suffix.includes('\0')) return false;
  try {
    return fs.statSync(bytesPath(domainFiles.dotQmail(directory, suffix)), { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if (!isTemporary(error)) return false;
    throw systemFailure(`Unable to open .qmail${suffix}`, error);
  }
}
