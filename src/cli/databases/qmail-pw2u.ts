// qmail-pw2u [-/ohHuUC] [-cX] < passwd: makes users/assign of a passwd file, as the original (formats/qmail.md 5.5), on standard output.
//
//   =joe:joe:1001:1001:/home/joe:::            each user, or each of its names in users/mailnames (`joe:name1:name2`)
//   +joe-:joe:1001:1001:/home/joe:-::          ... with an extension
//   +:alias:6001:6000:/var/qmail/alias:-::     everybody else; without the user alias nothing goes
//   =web:joe:1001:1001:/home/joe:-:www:        users/subusers (`web:joe:www:`)
//   ...                                        users/append, as it is
//   .
//
// Left out: uid 0, capitals in the name (-u: not), those not in users/include, where that is, and those in users/exclude, and who has no home that belongs to it (-h: a
// missing home ends it; -H: homes are not looked at). -/ puts `-/` for the dash, -cX another break than `-`, -C none.
// Exit 0; 100 for a wrong option; 111 with the original's texts.

import fs from 'node:fs';
import { errnoOf } from '../../errors.js';
import { bytesPath, openIfPresent, readAt } from '../../files/read.js';
import { parseMap, parseSet } from '../../formats/controls/control-file.js';
import type { Layout } from '../../layout.js';
import { lower } from '../../mail/address.js';
import { qmailGetopt } from '../qmail-getopt.js';
import { orFailSilently, runTool, ToolFailure, type ToolIo } from '../tool-io.js';

interface Options {
  dash: string;
  breakCharacter: string;
  withCapitals: boolean;
  homes: 'owned' | 'required' | 'ignored';
}

/** The tool. @returns its exit code */
export async function qmailPw2u(args: string[], io: ToolIo): Promise<number> {
  const options = readOptions(args, io);
  if (options === undefined) return 100;
  return runTool('qmail-pw2u: fatal: ', io, async () => {
    const assignment = new Assignment(options, io);
    const passwd = await orFailSilently('unable to read input', () => io.readAll());
    for (const line of linesOf(passwd)) assignment.addAccount(line);
    assignment.finish();
    return 0;
  });
}

/** undefined for a wrong option, which is told in the words of qmail's own getopt. */
function readOptions(args: readonly string[], io: ToolIo): Options | undefined {
  const options: Options = { dash: '-', breakCharacter: '-', withCapitals: false, homes: 'owned' };
  const rest = qmailGetopt(args, '/ohHuUc:C', 'qmail-pw2u', io, (letter, value) => {
    setOption(options, letter, value);
    return undefined;
  });
  return rest === undefined ? undefined : options;
}

function setOption(options: Options, letter: string, value: string): void {
  if (letter === '/') options.dash = '-/';
  else if (letter === 'o') options.homes = 'owned';
  else if (letter === 'h') options.homes = 'required';
  else if (letter === 'H') options.homes = 'ignored';
  else if (letter === 'u') options.withCapitals = true;
  else if (letter === 'U') options.withCapitals = false;
  else if (letter === 'C') options.breakCharacter = '';
  else if (letter === 'c') options.breakCharacter = value.charAt(0);
}

/** The text that is being made. It is printed at its end, and when a user is missing, up to there; not when a home is. */
class Assignment {
  #text = '';
  readonly #options: Options;
  readonly #io: ToolIo;
  readonly #included: ReadonlySet<string> | undefined;
  readonly #excluded: ReadonlySet<string> | undefined;
  readonly #mailNames: ReadonlyMap<string, string>;
  /** What stands between the name and the dash, by user in lower case. */
  readonly #users = new Map<string, string>();
  #hasAlias = false;

  /** @throws ToolFailure when a file in users/ cannot be read */
  constructor(options: Options, io: ToolIo) {
    this.#options = options;
    this.#io = io;
    this.#included = usersFile(io.layout, 'include', parseSet);
    this.#excluded = usersFile(io.layout, 'exclude', parseSet);
    this.#mailNames = usersFile(io.layout, 'mailnames', parseMap) ?? new Map();
  }

  /** @throws ToolFailure when a home is missing that must not be */
  addAccount(line: string): void {
    const fields = line.split(':');
    const [user = '', , uidText = '', gid = '', , home] = fields;
    // The home ends with a colon too.
    if (line.includes('\0') || home === undefined || fields.length < 7) return;
    const uid = Number(/^[0-9]+/.exec(uidText)?.[0] ?? 0);
    if (uid === 0 || !this.#isWanted(user) || !this.#hasHome(home, uid)) return;
    const middle = `:${user}:${uidText}:${gid}:${home}:`;
    this.#users.set(lower(user), middle);
    if (user === 'alias') {
      this.#print(`+${middle}${this.#options.dash}::\n`);
      this.#hasAlias = true;
    }
    const names = this.#mailNames.get(lower(user)) ?? user;
    for (const name of names.split(':').filter((part) => part !== '')) this.#printName(name, middle, '', '');
  }

  /** @throws ToolFailure without a user alias, and for a subuser of nobody */
  finish(): void {
    if (!this.#hasAlias) throw this.#ended('unable to find alias user');
    for (const line of linesOf(readUsersFile(this.#io.layout, 'subusers') ?? Buffer.alloc(0))) this.#addSubuser(line);
    this.#print(readUsersFile(this.#io.layout, 'append')?.toString('latin1') ?? '');
    this.#print('.\n');
    this.#io.stdout(this.#text);
  }

  #addSubuser(line: string): void {
    const fields = line.split(':');
    const [name = '', user = '', extension = ''] = fields;
    if (fields.length < 3) return;
    const middle = this.#users.get(lower(user));
    if (middle === undefined) throw this.#ended(`unable to find ${user} user for subuser`);
    if (fields.length < 4) return;
    this.#printName(name, middle, this.#options.dash, extension);
  }

  /** The two lines of a name: the simple one with a dash and extension of its own, and the wildcard behind it. */
  #printName(name: string, middle: string, dash: string, extension: string): void {
    const { breakCharacter, dash: wildcardDash } = this.#options;
    this.#print(`=${name}${middle}${dash}:${extension}:\n`);
    if (breakCharacter === '') return;
    const prefix = extension === '' && dash === '' ? '' : `${extension}-`;
    this.#print(`+${name}${breakCharacter}${middle}${wildcardDash}:${prefix}:\n`);
  }

  #isWanted(user: string): boolean {
    if (!this.#options.withCapitals && /[A-Z]/.test(user)) return false;
    if (this.#included !== undefined && !this.#included.has(lower(user))) return false;
    return !this.#excluded?.has(lower(user));
  }

  #hasHome(home: string, uid: number): boolean {
    if (this.#options.homes === 'ignored') return true;
    try {
      return fs.statSync(bytesPath(this.#io.layout.disk(home))).uid === uid;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT' && this.#options.homes === 'owned') return false;
      throw new ToolFailure(111, `unable to stat ${home}`);
    }
  }

  #print(text: string): void {
    this.#text += text;
  }

  #ended(reason: string): ToolFailure {
    this.#io.stdout(this.#text);
    return new ToolFailure(111, reason);
  }
}

/** @throws ToolFailure */
function usersFile<T>(layout: Layout, name: string, parse: (bytes: Buffer) => T): T | undefined {
  const bytes = readUsersFile(layout, name);
  return bytes && parse(bytes);
}

function readUsersFile(layout: Layout, name: string): Buffer | undefined {
  try {
    const fd = openIfPresent(bytesPath(layout.usersFile(name)));
    if (fd === undefined) return undefined;
    try {
      return readAt(fd, 0, fs.fstatSync(fd).size);
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    throw new ToolFailure(111, 'unable to read controls');
  }
}

function linesOf(bytes: Buffer): string[] {
  return bytes.toString('latin1').split('\n');
}
