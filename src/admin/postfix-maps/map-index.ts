// The indexes that Postfix reads in the place of a table's text, and the program that makes them. `texthash` has none: Postfix reads the text, at the start of each process.

import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { TemporaryError } from '../../errors.js';

/** The types of tables (DATABASE_README) with what is added to the name of the text. */
const suffixes = { hash: '.db', btree: '.db', lmdb: '.lmdb', cdb: '.cdb', texthash: '' } as const;

export type MapType = keyof typeof suffixes;

export const mapTypes = Object.keys(suffixes) as MapType[];

export function isMapType(text: string): text is MapType {
  return Object.hasOwn(suffixes, text);
}

export function suffixOf(type: MapType): string {
  return suffixes[type];
}

/** Where Postfix's programs are beside PATH. */
const administratorsPlaces = ['/usr/sbin', '/usr/local/sbin', '/usr/pkg/sbin'];

/** The full path of a program of Postfix's; undefined when it is not installed. */
export function postfixProgram(name: string): string | undefined {
  const places = [...(process.env.PATH ?? '').split(':').filter((place) => place !== ''), ...administratorsPlaces];
  return places.map((place) => path.join(place, name)).find((file) => fs.existsSync(file));
}

/**
 * The type that this machine's Postfix makes by itself (default_database_type); texthash where no Postfix is installed or its type is none of ours.
 * @throws TemporaryError when postconf fails
 */
export async function customaryMapType(postfixConfig?: string): Promise<MapType> {
  const program = postfixProgram('postconf');
  if (program === undefined || postfixProgram('postmap') === undefined) return 'texthash';
  const type = (await run(program, [...configOption(postfixConfig), '-h', 'default_database_type'])).trim();
  return isMapType(type) ? type : 'texthash';
}

/** Makes the index of a text, beside it. @throws TemporaryError with what postmap said */
export async function makeIndex(type: MapType, text: string, postfixConfig?: string): Promise<void> {
  if (type === 'texthash') return;
  const program = postfixProgram('postmap');
  if (program === undefined) {
    const cause = new Error('postmap is not installed; --type texthash needs none');
    throw new TemporaryError('4.3.0', `cannot make ${type} tables`, cause);
  }
  await run(program, [...configOption(postfixConfig), `${type}:${text}`]);
}

function configOption(directory: string | undefined): string[] {
  return directory === undefined ? [] : ['-c', directory];
}

function run(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { encoding: 'latin1', maxBuffer: 16 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      const cause = new Error(stderr.trim().split('\n').at(-1) || error.message);
      reject(new TemporaryError('4.3.0', `${program} failed`, cause));
    });
  });
}
