// control/virtualdomains, where each domain and alias domain stands as `example.jp:example.jp`, and control/locals, where none of them may stand
// (formats/vpopmail.md 3.1, 3.4): qmail-send looks at locals first.
//
// An absent locals means the name in control/me. The originals make an empty file of it whenever a domain is added, and then mail for this host's own name is no longer
// local and bounces. Here a file is made only when the domain is that very name.

import { readIfPresent } from '../../files/read.js';
import { controlLine, parseLine } from '../../formats/controls/control-file.js';
import { insertInOrder } from '../../formats/vpopmail/domain-order.js';
import type { Layout } from '../../layout.js';
import { lower } from '../../mail/address.js';
import type { OnDisorder } from './assign-file.js';
import { fileOf, linesOf, withLockedFile } from './locked-file.js';

export interface InsertVirtualDomainOptions {
  readonly onDisorder?: OnDisorder;
  /** Leaves the file alone when it has the line already. The originals, and we without this, insert it again. */
  readonly onlyIfMissing?: boolean;
}

/** Inserts the line of a domain. @returns whether it was inserted @throws TemporaryError */
export async function insertVirtualDomain(
  layout: Layout,
  domain: string,
  { onDisorder = () => {}, onlyIfMissing = false }: InsertVirtualDomainOptions = {},
): Promise<boolean> {
  return withLockedFile(layout, layout.control('virtualdomains'), async (file) => {
    const before = linesOf(file.read());
    if (onlyIfMissing && before.includes(virtualDomainLine(domain))) return false;
    const { lines, isDisordered } = insertInOrder(before, virtualDomainLine(domain), 'host');
    if (isDisordered) onDisorder(layout.host(file.path));
    await file.replace(fileOf(lines));
    return true;
  });
}

/** Removes the lines of domains that vpopmail wrote. @throws TemporaryError */
export async function removeVirtualDomains(layout: Layout, domains: readonly string[]): Promise<void> {
  const gone = new Set(domains.map(virtualDomainLine));
  await withLockedFile(layout, layout.control('virtualdomains'), async (file) => {
    await file.replace(fileOf(linesOf(file.read()).filter((line) => !gone.has(line))));
  });
}

/** Takes one line out again that `insertVirtualDomain` put in. @throws TemporaryError */
export async function withdrawVirtualDomain(layout: Layout, domain: string): Promise<void> {
  await withLockedFile(layout, layout.control('virtualdomains'), async (file) => {
    const lines = linesOf(file.read());
    const at = lines.indexOf(virtualDomainLine(domain));
    if (at >= 0) await file.replace(fileOf(lines.toSpliced(at, 1)));
  });
}

/** Sees to it that a domain is not local. @throws TemporaryError */
export async function removeFromLocals(layout: Layout, domain: string): Promise<void> {
  await withLockedFile(layout, layout.control('locals'), async (file) => {
    const bytes = file.read();
    if (bytes === undefined && !isMe(layout, domain)) return;
    await file.replace(fileOf(linesOf(bytes).filter((line) => lower(controlLine(line).entry) !== domain)));
  });
}

function virtualDomainLine(domain: string): string {
  return `${domain}:${domain}`;
}

function isMe(layout: Layout, domain: string): boolean {
  const me = readIfPresent(layout.control('me'));
  return me !== undefined && lower(parseLine(me)) === domain;
}
