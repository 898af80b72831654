// qmail-getpw LOCAL: which system user a local part belongs to, as the original (formats/qmail.md 5.3). Prints user, uid, gid, home, dash and extension, each ended by NUL.
//
// Tried are the whole local part and what stands before each `-`, longest first, in lower case, shorter than 32 bytes: a user with another uid than 0 whose home belongs
// to it. Else the user alias. Exit 0; 100 without an argument; 111 where the users cannot be asked, 115 where a home cannot be looked at for now, 116 without a
// user alias.

import fs from 'node:fs';
import { errnoOf, TemporaryError, temporaryErrnos } from '../../errors.js';
import { SystemAccounts, type SystemUser } from '../../files/accounts.js';
import { bytesPath } from '../../files/read.js';
import type { Layout } from '../../layout.js';
import { lower } from '../../mail/address.js';
import { ToolFailure, type ToolIo } from '../tool-io.js';

const exitCodes = { usage: 100, userDatabase: 118, home: 115, noAlias: 116 } as const;

/** qmail-getpw looks up no longer names. */
const longestUser = 31;

/** The tool. @returns its exit code */
export async function qmailGetpw([local]: string[], io: ToolIo): Promise<number> {
  if (local === undefined) return exitCodes.usage;
  try {
    const found = ownerOf(local, io.layout);
    if (found === undefined) return exitCodes.noAlias;
    const { user, dash, extension } = found;
    io.stdout([user.name, user.uid, user.gid, user.home, dash, extension].map((field) => `${field}\0`).join(''));
    return 0;
  } catch (error) {
    if (error instanceof ToolFailure) return error.exitCode;
    if (error instanceof TemporaryError) return exitCodes.userDatabase;
    throw error;
  }
}

interface Found {
  readonly user: SystemUser;
  readonly dash: string;
  readonly extension: string;
}

function ownerOf(local: string, layout: Layout): Found | undefined {
  const accounts = new SystemAccounts(layout);
  for (let cut = local.length; cut >= 0; cut--) {
    const isWhole = cut === local.length;
    if (cut > longestUser || (!isWhole && local[cut] !== '-')) continue;
    const user = accounts.user(lower(local.slice(0, cut)));
    if (user === undefined || !ownsItsHome(user, layout)) continue;
    return isWhole ? { user, dash: '', extension: '' } : { user, dash: '-', extension: local.slice(cut + 1) };
  }
  const user = accounts.user('alias');
  return user && { user, dash: '-', extension: local };
}

/** @throws ToolFailure when its home cannot be looked at for a reason that may pass */
function ownsItsHome(user: SystemUser, layout: Layout): boolean {
  if (user.uid === 0) return false;
  try {
    return fs.statSync(bytesPath(layout.disk(user.home)), { throwIfNoEntry: false })?.uid === user.uid;
  } catch (error) {
    if (!temporaryErrnos.has(errnoOf(error) ?? '')) return false;
    throw new ToolFailure(exitCodes.home, '');
  }
}
