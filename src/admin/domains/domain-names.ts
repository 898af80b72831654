// Which names a domain can have (formats/vpopmail.md 2.3): 3 to 96 bytes of ASCII letters, digits, `-` and `.`, no `-` at either end. A dot is not required, and
// labels are not looked at. Names are kept in lower case. An alias domain's name is only looked at for its characters.
//
// Refused beyond vpopmail: a name whose line in users/assign the original tools would cut in two when they next rewrite the file, which takes every domain of the
// host out of service.

import { lower } from '../../mail/address.js';
import { type AssignedDomain, isCutByOriginals } from '../../stores/control-lines/assign-file.js';
import { VpopmailError } from '../vpopmail-error.js';

const shortest = 3;
const longest = 96;
/** The longest directory, its slashes not counted, that vpopmail can store. */
const longestDirectory = 160;

/** The name of a new domain in lower case. @throws VpopmailError */
export function newDomainName(given: string): string {
  const name = lower(given);
  if (name.length < shortest) throw new VpopmailError('invalidDomainName');
  if (name.length > longest) throw new VpopmailError('domainTooLong');
  if (!/^[a-z0-9.][a-z0-9.-]*[a-z0-9.]$/.test(name)) throw new VpopmailError('invalidDomainName');
  return name;
}

/** The name of a new alias domain in lower case. @throws VpopmailError */
export function newAliasName(given: string): string {
  const name = lower(given);
  if (!/^[a-z0-9.-]*$/.test(name)) throw new VpopmailError('invalidDomainName');
  if (name.length > longest) throw new VpopmailError('domainTooLong');
  return name;
}

/** @throws VpopmailError for what could not be kept in users/assign */
export function checkAssignable(domain: AssignedDomain): void {
  if (isCutByOriginals(domain))
    throw new VpopmailError('domainTooLong', 'its line in users/assign would be longer than 298 bytes');
}

/** @param parts of the path: where domains are, the name of the directory for them, what lies below it @throws VpopmailError */
export function checkDirectoryLength(...parts: string[]): void {
  if (parts.join('').length > longestDirectory) throw new VpopmailError('directoryTooLong');
}
