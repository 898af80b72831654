// vadduser --batch FILE|- [--scheme NAME] [DOMAIN]: adds the accounts of a list (formats/vpopmail/account-list.ts; `-` is standard input; DOMAIN for lines that name none), each domain's in one
// rewrite. A bar shows how far it is where standard error is a terminal. Each line that is refused is told on standard error, and at the end how many there were:
//
//   users.csv:17: joe@example.jp: Username exists
//   2 accounts added, 1 refused
//
// Exit 0 when all are there now; 1 when some were refused; 111 for trouble.

import { readFile } from 'node:fs/promises';
import { addUsers } from '../../admin/users/add-users.js';
import type { AddUserRequest } from '../../admin/users/new-account.js';
import { passwordScheme, passwordSchemes } from '../../auth/new-password.js';
import { PermanentError } from '../../errors.js';
import { bytesPath } from '../../files/read.js';
import { type AccountListLine, parseAccountList } from '../../formats/vpopmail/account-list.js';
import type { Host } from '../../stores/host.js';
import { argumentPath, orFail, type ToolIo } from '../tool-io.js';
import { runAccountTool } from './account-tool.js';

/** @param file the list; `-` is standard input @param operands the domain for lines without one @returns the exit code */
export async function vadduserBatch(
  file: string,
  operands: readonly string[],
  scheme: string | undefined,
  io: ToolIo,
): Promise<number> {
  return runAccountTool('vadduser', io, async (host) => {
    if (file === '' || operands.length > 1)
      throw new PermanentError('5.5.4', 'usage: vadduser --batch FILE|- [--scheme NAME] [domain]');
    if (scheme !== undefined && passwordScheme(scheme) === undefined)
      throw new PermanentError('5.5.4', `there is no scheme ${scheme}; there are ${passwordSchemes.join(', ')}`);
    const bytes = await readList(file, io);
    const shown = file === '-' ? 'standard input' : file;
    return addListedAccounts(host, parseAccountList(bytes), { shown, domain: operands[0], scheme }, io);
  });
}

export interface ListedAccounts {
  /** The list as messages name it. */
  readonly shown: string;
  /** For lines without one. */
  readonly domain: string | undefined;
  /** Of passwords that the list has in clear. */
  readonly scheme: string | undefined;
}

/** Adds the accounts of a list, and tells each line that is refused. @returns the exit code @throws as `addUsers` */
export async function addListedAccounts(
  host: Host,
  list: Iterable<AccountListLine>,
  { shown, domain, scheme }: ListedAccounts,
  io: ToolIo,
): Promise<number> {
  const requests: AddUserRequest[] = [];
  const lineOf: number[] = [];
  let refused = 0;
  const refuse = (line: number, text: string): void => {
    refused++;
    io.stderr(`${shown}:${line}: ${text.replace(/[\x00-\x1f\x7f]/g, '?')}\n`);
  };
  for (const read of list) {
    if ('problem' in read) refuse(read.line, read.problem);
    else if (read.entry.domain === '' && domain === undefined)
      refuse(read.line, `${read.entry.name}: there is no domain; give one beside the list`);
    else {
      const { entry } = read;
      const secret = 'password' in entry.secret ? { ...entry.secret, scheme } : entry.secret;
      requests.push({ ...entry, secret, domain: entry.domain === '' ? (domain ?? '') : entry.domain });
      lineOf.push(read.line);
    }
  }
  const bar = await openBar(requests.length);
  const refusals: [number, string][] = [];
  const tellRefusals = (): void => {
    bar?.stop();
    for (const [line, text] of refusals.sort(([a], [b]) => a - b)) refuse(line, text);
  };
  try {
    const added = await addUsers(host, requests, {
      onProgress: (done) => bar?.update(done),
      onRefused: ({ index, reason }) => {
        const { name = '', domain = '' } = requests[index] ?? {};
        const detail = reason.detail === undefined ? '' : ` (${reason.detail})`;
        refusals.push([lineOf[index] ?? 0, `${name}@${domain}: ${reason.message}${detail}`]);
      },
    });
    tellRefusals();
    io.stdout(`${added} accounts added, ${refused} refused\n`);
    return refused === 0 ? 0 : 1;
  } catch (error) {
    tellRefusals();
    throw error;
  }
}

async function readList(file: string, io: ToolIo): Promise<Buffer> {
  if (file === '-') return io.readAll();
  return orFail(`unable to read ${file}`, () => readFile(bytesPath(argumentPath(file, io))));
}

interface Bar {
  update(done: number): void;
  stop(): void;
}

/** Undefined where nobody looks. */
async function openBar(total: number): Promise<Bar | undefined> {
  if (!process.stderr.isTTY || total === 0) return undefined;
  const { SingleBar, Presets } = await import('cli-progress');
  const bar = new SingleBar(
    { stream: process.stderr, clearOnComplete: true, format: '{bar} {value}/{total} accounts, {eta_formatted} left' },
    Presets.shades_classic,
  );
  bar.start(total, 0);
  return { update: (done) => bar.update(Math.floor(done)), stop: () => bar.stop() };
}
