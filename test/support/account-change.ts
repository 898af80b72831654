// Changing one account of a domain's directory as the original tools do: vpasswd is replaced by rename, then vpasswd.cdb; both keep their owner.

import { chownSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { makeCdb } from '../../src/formats/databases/cdb.js';
import { parseVpasswd, vpasswdCdbRecords } from '../../src/formats/vpopmail/vpasswd.js';

/** Gives back the fields of the account's line, changed; undefined removes it. */
export type EditFields = (fields: string[]) => string[] | undefined;

export function changeAccount(directory: string, user: string, edit: EditFields): void {
  const vpasswd = path.join(directory, 'vpasswd');
  const lines = readFileSync(vpasswd, 'latin1').split('\n').slice(0, -1);
  const changed = lines.flatMap((line) => {
    const fields = line.split(':');
    const edited = fields[0] === user ? edit(fields) : fields;
    return edited === undefined ? [] : [`${edited.join(':')}\n`];
  });
  const text = Buffer.from(changed.join(''), 'latin1');
  const { uid, gid } = statSync(directory);
  const replace = (name: string, temporary: string, bytes: Buffer): void => {
    const file = path.join(directory, temporary);
    writeFileSync(file, bytes, { mode: 0o600 });
    if (process.geteuid?.() === 0) chownSync(file, uid, gid);
    renameSync(file, path.join(directory, name));
  };
  replace('vpasswd', `vpasswd.bak.${process.pid}`, text);
  replace('vpasswd.cdb', 'cdb.tmp', makeCdb(vpasswdCdbRecords(parseVpasswd(text))));
}

/** Sets one field: 1 the hash, 3 the flags, 6 the quota, 7 the clear password. */
export function setField(index: number, value: string): EditFields {
  return (fields) => fields.map((old, at) => (at === index ? value : old));
}

export const removeAccount: EditFields = () => undefined;
