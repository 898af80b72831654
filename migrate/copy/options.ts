// The options that import and export have in common.

import type { Command } from 'commander';
import { argumentPath, orFail, type ToolIo } from '../../src/cli/tool-io.js';
import { PermanentError } from '../../src/errors.js';
import { readIfPresent } from '../../src/files/read.js';
import { inbox, isInbox } from '../../src/formats/mailbox/folder-names.js';
import { lineTexts } from '../../src/formats/text-lines.js';
import { parseImapPlace, placeName } from '../imap/place.js';
import { ImapSession } from '../imap/session.js';

export interface CopyOptions {
  readonly folder: readonly string[];
  readonly withoutFolder: readonly string[];
  readonly state?: string;
  readonly passwordFile?: string;
  readonly anyCertificate?: boolean;
  readonly clear?: boolean;
}

const collect = (value: string, before: readonly string[]): string[] => [...before, value];

export function copyOptions(command: Command): Command {
  return command
    .option('--folder <name>', 'only this folder and those below it; once for each', collect, [])
    .option('--without-folder <name>', 'not this folder and those below it; once for each', collect, [])
    .option('--state <file>', 'where it is kept what has been copied; beside the Maildir unless given')
    .option('--password-file <file>', 'its first line is the password; else VQMAIL_IMAP_PASSWORD, else it is asked for')
    .option('--any-certificate', 'also a server whose certificate nobody vouches for')
    .option('--clear', 'also a server that offers no TLS');
}

/** @returns whether a folder, by its name on this host, is to be copied */
export function wantedFolders({ folder, withoutFolder }: CopyOptions): (name: string) => boolean {
  const known = (name: string): string => (isInbox(name) ? inbox : name);
  const isBelow = (name: string) => (above: string) => name === known(above) || name.startsWith(`${known(above)}.`);
  return (name) => (folder.length === 0 || folder.some(isBelow(name))) && !withoutFolder.some(isBelow(name));
}

/**
 * The other server of a copy.
 * @param place such as `imaps://joe@old.example.jp` @param given the password where it is known already
 * @throws PermanentError
 */
export async function imapSession(
  place: string,
  options: CopyOptions,
  io: ToolIo,
  given?: string,
): Promise<ImapSession> {
  const parsed = parseImapPlace(place);
  const password = given ?? (await readPassword(options, placeName(parsed), io));
  return new ImapSession(parsed, {
    password,
    allowAnyCertificate: options.anyCertificate ?? false,
    allowClear: options.clear ?? false,
    tell: (text) => io.stderr(`${text}\n`),
  });
}

async function readPassword({ passwordFile }: CopyOptions, name: string, io: ToolIo): Promise<string> {
  if (passwordFile !== undefined) {
    const path = argumentPath(passwordFile, io);
    const bytes = await orFail(`unable to read ${path}`, () => readIfPresent(path));
    const [line] = lineTexts(bytes ?? Buffer.alloc(0));
    if (!line) throw new PermanentError('5.5.4', `${path}: there is no password`);
    return line.replace(/\r$/, '');
  }
  const password = io.env.VQMAIL_IMAP_PASSWORD ?? (await io.askSecret(`Password of ${name}: `));
  if (password === '') throw new PermanentError('5.5.4', `${name}: there is no password`);
  return password;
}
