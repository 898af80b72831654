// A tree of Maildirs or mbox files as the source of a copy.

import fs from 'node:fs';
import { bytesPath, fileTrouble, readIfPresent } from '../../src/files/read.js';
import { parseCourierSubscriptions, parseSubscriptions } from '../../src/formats/mailbox/subscriptions.js';
import { accountMailboxFiles } from '../../src/layout.js';
import type { Source, SourceFolder, Tell } from '../copy/ends.js';
import { openMaildirFolder } from './maildir-folder.js';
import { openMboxFolder } from './mbox-folder.js';
import { foldersBelow, type TreeFolder } from './tree.js';

export class DiskSource implements Source {
  readonly name: string;
  readonly #root: string;
  #folders = new Map<string, TreeFolder>();

  /** @param root disk path @throws the system error when it cannot be looked at */
  constructor(root: string) {
    fs.accessSync(bytesPath(root), fs.constants.R_OK);
    this.name = root;
    this.#root = root;
  }

  async folders(tell: Tell): Promise<readonly string[]> {
    this.#folders = foldersBelow(this.#root, tell);
    return [...this.#folders.keys()];
  }

  async open(name: string): Promise<SourceFolder> {
    const folder = this.#folders.get(name);
    if (folder === undefined) throw new Error(`there is no folder ${name}`);
    try {
      return await (folder.kind === 'maildir' ? openMaildirFolder(folder.path) : openMboxFolder(folder.path));
    } catch (error) {
      throw fileTrouble(error);
    }
  }

  async subscriptions(): Promise<readonly string[]> {
    if (!fs.statSync(bytesPath(this.#root)).isDirectory()) return [];
    const dovecot = readIfPresent(accountMailboxFiles.subscriptions(this.#root));
    if (dovecot !== undefined) return parseSubscriptions(dovecot).names;
    const courier = readIfPresent(accountMailboxFiles.courierSubscriptions(this.#root));
    return courier === undefined ? [] : parseCourierSubscriptions(courier);
  }

  async close(): Promise<void> {}
}
