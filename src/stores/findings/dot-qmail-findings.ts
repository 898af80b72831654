// The `.qmail` files of a domain's directory: those that qmail-local defers mail for, passes over or reads otherwise than it looks, and Maildirs that they
// name and that cannot take mail.

import path from 'node:path';
import { namesIn } from '../../files/list.js';
import { readIfPresent } from '../../files/read.js';
import { type DotQmailLine, parseDotQmail, parseVdelivermail } from '../../formats/dot-qmail/dot-qmail.js';
import { error, type Finding, guarded, look, may, modeOf, placeNamed, type Search, warning } from './finding.js';
import { maildirFindings } from './maildir-findings.js';

/** A directory with `.qmail` files and who reads them: the domain's owner. */
export interface Home {
  /** Disk path. */
  readonly directory: string;
  readonly uid: number;
  readonly gid: number;
}

/** Problems of a domain's `.qmail` files. */
export function* dotQmailFindings(search: Search, home: Home): Generator<Finding> {
  let hasDefault = false;
  for (const name of namesIn(home.directory)) {
    if (!name.startsWith('.qmail-') && name !== '.qmail') continue;
    hasDefault ||= name === '.qmail-default';
    const file = path.join(home.directory, name);
    yield* guarded(file, () => fileFindings(search, home, file, name));
  }
  if (!hasDefault) {
    const text =
      "is missing: no account of this domain gets mail; write `| ~vpopmail/bin/vdelivermail '' bounce-no-mailbox` into it";
    yield error(path.join(home.directory, '.qmail-default'), text);
  }
}

function* fileFindings(search: Search, home: Home, file: string, name: string): Generator<Finding> {
  if (/[A-Z.]/.test(name.slice('.qmail'.length))) {
    yield warning(file, 'is never read: qmail looks for names in lower case with : for each dot; rename it');
    return;
  }
  const status = look(file);
  if (status === undefined) {
    yield warning(file, 'is a link that leads nowhere, and is passed over; remove it');
  } else if (!status.isFile()) {
    yield warning(file, 'is no regular file, and is passed over; remove it');
  } else if (may(status, { uid: -1 }, 'write')) {
    yield error(file, `mode ${modeOf(status)}: writable by others, so qmail defers all mail for it; chmod o-w`);
  } else if (search.judgesOwners && !may(status, home, 'read')) {
    const who = search.nameOf(home.uid);
    yield error(
      file,
      `mode ${modeOf(status)}: ${who} cannot read it, so qmail defers all mail for it; chown it to ${who}`,
    );
  } else {
    const lines = parseDotQmail(readIfPresent(file) ?? Buffer.alloc(0));
    yield* linesFindings(search, home, file, lines, (status.mode & 0o100n) !== 0n);
  }
}

function* linesFindings(
  search: Search,
  home: Home,
  file: string,
  lines: readonly DotQmailLine[],
  isExecutable: boolean,
): Generator<Finding> {
  if (lines.length === 0) {
    yield warning(file, 'is empty: mail goes to the default delivery, not to an account; write where it is to go');
  }
  let forwardOnly = isExecutable;
  for (const line of lines) {
    if (line.kind === 'list') forwardOnly = true;
    for (const [severity, text] of lineOddities(line, forwardOnly, isExecutable)) {
      yield { path: file, line: line.number, severity, text };
    }
    yield* placeFindings(search, home, file, line);
  }
}

type Oddity = [Finding['severity'], string];

function* lineOddities(line: DotQmailLine, forwardOnly: boolean, isExecutable: boolean): Generator<Oddity> {
  if (line.kind === 'blank-first-line') {
    yield ['error', 'the first line is blank, so qmail defers all mail for this file; remove it'];
  }
  if (line.kind === 'ignored') yield ['warning', 'a line with + that is not +list is ignored'];
  if (line.text.endsWith('\r')) yield ['error', 'has a DOS line end, and the CR counts; write the line with LF alone'];
  if (line.kind === 'forward' && /^[ \t&]*[ \t]/.test(line.text)) {
    yield ['error', 'the address begins with a blank, which is part of it; remove it'];
  } else if (line.kind === 'forward' && /[<>]/.test(line.address)) {
    yield ['error', 'the brackets are part of the address; write it without them'];
  }
  if (forwardOnly && (line.kind === 'program' || line.kind === 'maildir' || line.kind === 'mbox')) {
    const why = isExecutable ? 'the x bit of the file (chmod u-x)' : '+list above it';
    yield ['error', `only forwarding is allowed by ${why}, so qmail defers all mail for this file`];
  }
}

/** Places and programs that a line names. */
function* placeFindings(search: Search, home: Home, file: string, line: DotQmailLine): Generator<Finding> {
  if (line.kind === 'maildir') {
    yield* maildirFindings(search, placeNamed(search, home.directory, line.path), home, file, line.number);
  } else if (line.kind === 'mbox' && look(placeNamed(search, home.directory, line.path))?.isDirectory()) {
    yield error(
      file,
      `${line.path} is a directory, and without a slash at the end it is taken for an mbox; add one`,
      line.number,
    );
  } else if (line.kind === 'program' && /(^|[\s/])vdelivermail\b/.test(line.command)) {
    yield* vdelivermailFindings(file, line.command, line.number);
  }
}

function* vdelivermailFindings(file: string, command: string, number: number): Generator<Finding> {
  const parsed = parseVdelivermail(command);
  if (parsed === undefined) {
    if (/[$`|&;<>()*?[{~#]/.test(command)) return;
    yield error(
      file,
      "vdelivermail wants two arguments, so all mail is deferred; write '' and what happens to unknown users",
      number,
    );
    return;
  }
  const [, unknownUsers] = parsed.args;
  if (/^(delete|bounce-no-mailbox)$/.test(unknownUsers) || /[@|/]/.test(unknownUsers)) return;
  yield warning(
    file,
    `${unknownUsers} is no word of vdelivermail and is taken for a local address; is it meant?`,
    number,
  );
}
