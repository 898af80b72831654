// users/cdb before and now: which domains the host serves, and which other local parts are assigned.
//
// A record is a domain of vpopmail when it is a wildcard whose prefix ends in `-`, with dash `-` and no extension, and has a dot in it or a directory below vpopmail's own (qmail-pw2u writes
// lines of the same form for every user of the host). It is an alias domain when the real domain that it names is another one (formats/vpopmail.md 3.1).
//
// The cdb is compared and not users/assign: an assignment that qmail-newu has not seen is in force nowhere.

import { type Assignment, parseAssignmentValue } from '../../formats/controls/users-assign.js';
import { bufferSource, cdbRecords } from '../../formats/databases/cdb.js';
import type { ChangeEvent } from '../events.js';
import { entryChanges } from './entries.js';

/** A domain or alias domain. */
export interface AssignedDomain {
  readonly name: string;
  /** The real domain; the same as `name` unless it is an alias domain. */
  readonly real: string;
  readonly uid: number;
  readonly gid: number;
  /** Host path. */
  readonly directory: string;
}

export interface Assignments {
  readonly domains: ReadonlyMap<string, AssignedDomain>;
  /** All others: `=joe` and `+list-` with their values, fields separated by colons. */
  readonly others: ReadonlyMap<string, string>;
}

export const noAssignments: Assignments = { domains: new Map(), others: new Map() };

/**
 * Reads users/cdb.
 * @param vpopmail host path of vpopmail's directory
 * @throws CorruptFileError
 */
export function parseAssignments(bytes: Buffer, path: string, vpopmail: string): Assignments {
  const domains = new Map<string, AssignedDomain>();
  const others = new Map<string, string>();
  for (const { key, data } of cdbRecords(bufferSource(bytes), path)) {
    if (key[0] !== 0x21) continue;
    const text = key.toString('latin1', 1);
    const assignment = parseAssignmentValue(data);
    if (assignment !== undefined && isDomain(text, assignment, vpopmail)) {
      const name = text.slice(0, -1);
      const { user: real, uid, gid, directory } = assignment;
      // Of two records with one key the first is found.
      if (!domains.has(name)) domains.set(name, { name, real, uid, gid, directory: directory.replace(/\/+$/, '') });
    } else {
      const name = text.endsWith('\0') ? `=${text.slice(0, -1)}` : `+${text}`;
      if (!others.has(name)) others.set(name, data.toString('latin1').replaceAll('\0', ':'));
    }
  }
  return { domains, others };
}

/** The events between two versions: removed domains first, then added ones, then the rest. */
export function assignmentEvents(before: Assignments, after: Assignments): ChangeEvent[] {
  const events: ChangeEvent[] = [];
  for (const [name, was] of before.domains) {
    const is = after.domains.get(name);
    if (is === undefined || is.real !== was.real) events.push(domainEvent('removed', was));
  }
  for (const [name, is] of after.domains) {
    const was = before.domains.get(name);
    if (was === undefined || is.real !== was.real) events.push(domainEvent('added', is));
    else if (is.real === name && (is.directory !== was.directory || is.uid !== was.uid || is.gid !== was.gid))
      events.push({ event: 'domain moved', domain: name });
  }
  const others = entryChanges(entriesOf(before), entriesOf(after));
  return others === undefined ? events : [...events, { event: 'assignments changed', ...others }];
}

function domainEvent(happened: 'added' | 'removed', { name, real }: AssignedDomain): ChangeEvent {
  return name === real
    ? { event: `domain ${happened}`, domain: name }
    : { event: `alias domain ${happened}`, domain: name, of: real };
}

function entriesOf({ others }: Assignments): string[] {
  return [...others].map(([name, value]) => `${name}:${value}`);
}

function isDomain(key: string, { dash, extension, directory }: Assignment, vpopmail: string): boolean {
  if (!/.-$/.test(key) || dash !== '-' || extension !== '') return false;
  return key.includes('.') || directory.startsWith(`${vpopmail}/`);
}
