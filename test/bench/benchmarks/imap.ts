// IMAP against Dovecot on the same messages: what commands of one session cost, and what a login does. Each command is repeated; the first of them (`first time`) has nothing to go by but the files.
//
// Before, both servers do every command once in a folder of its own: what is measured is a server that has been at work, not the start of a program. A worker of vqmail has done little by the
// first row for all that: its engine compiles what runs often, and a mailbox of 100,000 is the first that is worth it. So the last row takes in a second such mailbox, at the end of the run.
//
//   SELECT, first time     the folder has no dovecot-uidlist and nothing else of either server: all names are read and get UIDs, and both write their files
//   SELECT, again          both have their files, and our worker has the mailbox in memory; Dovecot begins from dovecot.index. Nothing has changed

import fs from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { ImapLoadClient } from '../load/imap-client.js';
import { messageData } from '../load/smtp-client.js';
import { treeCpuSeconds } from '../measure/process-tree.js';
import { figure, median, table } from '../measure/table.js';
import { dovecotIsThere } from '../servers/dovecot.js';
import { startDovecotImap } from '../servers/dovecot-imap.js';
import { domainName, maildirOf, passwordHashes } from '../servers/host-tree.js';
import { fillMaildir, makeMaildir } from '../servers/maildirs.js';
import { startVqmail } from '../servers/vqmail.js';
import type { Started, Workplace } from '../servers/workplace.js';
import { type BenchmarkOptions, type BenchmarkResult, turned } from './benchmark.js';

interface Subject extends Started {
  readonly program: string;
  readonly port: number;
}

interface Measurement {
  readonly case: string;
  readonly program: string;
  readonly wallMs: number;
  readonly cpuMs: number;
}

interface Case {
  readonly name: string;
  readonly folder: 'Warm' | 'Large' | 'Bodies' | 'Appended' | 'Late';
  readonly commands: readonly string[];
  /** Of the first time only: what was learned then is not asked again. */
  readonly isOnce?: boolean;
  /** Each time by a session of its own, which selects the folder. */
  readonly isLogin?: boolean;
}

const password = 'password';
const user = `u0@${domainName(0)}`;
const bodies = 400;
const bodyBytes = 50 * 1024;
const warmMessages = 1000;

/** @param many messages of the folder for what is done to all */
function casesFor(many: number): Case[] {
  const listed = Math.min(5000, many);
  return [
    { name: `SELECT of ${many}, first time`, folder: 'Large', commands: [], isOnce: true },
    { name: `SELECT of ${many}, again`, folder: 'Large', commands: ['SELECT Large'] },
    { name: `FETCH 1:* FLAGS of ${many}`, folder: 'Large', commands: ['FETCH 1:* FLAGS'] },
    {
      name: `ENVELOPE BODYSTRUCTURE of ${listed}, first time`,
      folder: 'Large',
      commands: [`FETCH 1:${listed} (ENVELOPE BODYSTRUCTURE)`],
      isOnce: true,
    },
    {
      name: `ENVELOPE BODYSTRUCTURE of ${listed}, again`,
      folder: 'Large',
      commands: [`FETCH 1:${listed} (ENVELOPE BODYSTRUCTURE)`],
    },
    { name: `SEARCH RETURN (MIN) SEEN`, folder: 'Large', commands: ['SEARCH RETURN (MIN) SEEN'] },
    { name: `SEARCH TEXT in ${listed}`, folder: 'Large', commands: [`SEARCH 1:${listed} TEXT nowhere-to-be-found`] },
    {
      name: 'STORE on 1000, set and unset',
      folder: 'Large',
      commands: ['STORE 1:1000 +FLAGS.SILENT (\\Flagged)', 'STORE 1:1000 -FLAGS.SILENT (\\Flagged)'],
    },
    {
      name: `BODY.PEEK[] of ${bodies} x ${bodyBytes / 1024} KiB`,
      folder: 'Bodies',
      commands: ['FETCH 1:* BODY.PEEK[]'],
    },
    { name: 'APPEND of 4 KiB', folder: 'Appended', commands: [appendCommand('Appended')] },
    { name: `login and SELECT of ${bodies}`, folder: 'Bodies', commands: [], isLogin: true },
    { name: `SELECT of ${many}, first time, late`, folder: 'Late', commands: [], isOnce: true },
  ];
}

function appendCommand(folder: string): string {
  const message = messageText(4 * 1024).replaceAll('\n', '\r\n');
  return `APPEND ${folder} {${message.length}+}\r\n${message}`;
}

const warmUp: readonly string[] = [
  'FETCH 1:* FLAGS',
  'FETCH 1:* (ENVELOPE BODYSTRUCTURE)',
  'FETCH 1:* (ENVELOPE BODYSTRUCTURE)',
  'SEARCH TEXT nowhere-to-be-found',
  'STORE 1:* +FLAGS.SILENT (\\Flagged)',
  'STORE 1:* -FLAGS.SILENT (\\Flagged)',
  'FETCH 1:* BODY.PEEK[]',
  appendCommand('Warm'),
];

export async function imap(workplace: Workplace, options: BenchmarkOptions): Promise<BenchmarkResult> {
  const many = options.quick ? 10_000 : 100_000;
  options.progress('imap: filling mailboxes');
  const subjects = [await vqmailSubject(workplace, many, options.profile), ...(await dovecotSubjects(workplace, many))];
  const measurements: Measurement[] = [];
  for (const subject of subjects) await warm(subject);
  for (const [index, one] of casesFor(many).entries()) {
    options.progress(`imap: ${one.name}`);
    for (const subject of turned(subjects, index)) measurements.push(...(await measure(subject, one, options)));
  }
  for (const subject of subjects) await subject.stop();
  return { text: report(subjects, measurements), measurements };
}

async function warm(subject: Subject): Promise<void> {
  const client = await ImapLoadClient.logIn(subject.port, user, password);
  await client.ask('SELECT Warm');
  for (const command of warmUp) await client.ask(command);
  client.close();
}

async function measure(
  subject: Subject,
  { name, folder, commands, isOnce, isLogin }: Case,
  options: BenchmarkOptions,
): Promise<Measurement[]> {
  const client = await ImapLoadClient.logIn(subject.port, user, password);
  try {
    if (commands.length > 0) await client.ask(`SELECT ${folder}`);
    const asked = commands.length > 0 ? commands : [`SELECT ${folder}`];
    const rounds = isOnce === true ? 1 : options.rounds;
    const found: Measurement[] = [];
    for (let round = 0; round < rounds; round++) {
      const [start, cpuBefore] = [performance.now(), treeCpuSeconds(subject.pid)];
      let times = 0;
      do {
        if (isLogin === true) await logInAndSelect(subject, folder);
        else for (const command of asked) await client.ask(command);
        times++;
      } while (isOnce !== true && performance.now() - start < options.seconds * 1000);
      const wallMs = (performance.now() - start) / times;
      // The last tick of the clock is counted late.
      await pause(20);
      const cpuMs = ((treeCpuSeconds(subject.pid) - cpuBefore) * 1000) / times;
      found.push({ case: name, program: subject.program, wallMs, cpuMs });
    }
    return found;
  } finally {
    client.close();
  }
}

async function logInAndSelect({ port }: Subject, folder: string): Promise<void> {
  const client = await ImapLoadClient.logIn(port, user, password);
  await client.ask(`SELECT ${folder}`);
  client.close();
}

async function vqmailSubject(workplace: Workplace, many: number, profile?: string): Promise<Subject> {
  const server = await startVqmail(workplace, 'vqmail-imap', {
    domains: 1,
    accountsPerDomain: 1,
    passwd: () => passwordHashes.$1$,
    profile,
    workers: 1,
    options: ['--listen', 'imap=127.0.0.1:0'],
  });
  fill(maildirOf(server.layout, 0, 0), many);
  return { ...server, program: 'vqmail', port: server.ports('imap') };
}

async function dovecotSubjects(workplace: Workplace, many: number): Promise<Subject[]> {
  if (!dovecotIsThere()) return [];
  workplace.makeMailDirectory(workplace.path('dovecot-mail'));
  const maildir = workplace.path('dovecot-mail', 'u0', 'Maildir');
  makeMaildir(maildir);
  fill(maildir, many);
  const account = { user, hash: passwordHashes.$1$, maildir };
  return [{ ...(await startDovecotImap(workplace, account)), program: 'Dovecot' }];
}

function fill(maildir: string, many: number): void {
  for (const [folder, count, bytes] of [
    ['Warm', warmMessages, 4 * 1024],
    ['Large', many, 4 * 1024],
    ['Bodies', bodies, bodyBytes],
    ['Appended', 0, 0],
  ] as const) {
    makeMaildir(`${maildir}/.${folder}`);
    fillMaildir(`${maildir}/.${folder}`, count, Buffer.from(messageText(bytes), 'latin1'));
  }
  makeMaildir(`${maildir}/.Late`);
  for (const name of fs.readdirSync(`${maildir}/.Large/cur`))
    fs.linkSync(`${maildir}/.Large/cur/${name}`, `${maildir}/.Late/cur/${name}`);
}

/** As it is stored. */
function messageText(bytes: number): string {
  const wire = messageData(bytes).toString('latin1');
  return wire.slice(0, -'.\r\n'.length).replaceAll('\r\n', '\n');
}

function report(subjects: readonly Subject[], measurements: readonly Measurement[]): string {
  const names = [...new Set(measurements.map((m) => m.case))];
  const values = (name: string, program: string, field: 'wallMs' | 'cpuMs'): number =>
    median(measurements.filter((m) => m.case === name && m.program === program).map((m) => m[field]));
  const rows = names.flatMap((name) =>
    subjects.map(({ program }, index) => {
      const [wall, cpu] = [values(name, program, 'wallMs'), values(name, program, 'cpuMs')];
      const ratio = (theirs: number, field: 'wallMs' | 'cpuMs'): string =>
        index === 0 ? '' : figure(theirs / values(name, 'vqmail', field));
      return [
        index === 0 ? name : '',
        program,
        `${figure(wall)} ms`,
        ratio(wall, 'wallMs'),
        `${figure(cpu)} ms`,
        ratio(cpu, 'cpuMs'),
      ];
    }),
  );
  return [
    'imap: one session, vqmail (one worker) against Dovecot on the same messages (medians). vqmail x: how many times faster, and how many times less processor time.',
    'First time: one measurement, the processor time counted in steps of 10 ms.',
    '',
    table(['case', 'program', 'each', 'vqmail x', 'CPU each', 'CPU vqmail x'], rows),
  ].join('\n');
}
