// Recorded sessions with qmail-popup, vchkpw and qmail-pop3d (fixtures/recordings/pop3), sent again byte for byte. Replies and what is on disk afterwards must be the recorded
// ones, but for what is named here.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Pop3Client } from '../../support/pop3-client.js';
import { type Pop3Host, pop3Host } from '../../support/pop3-host.js';
import {
  applyChanged,
  buildTree,
  bytesOf,
  changesBetween,
  differences,
  type Entry,
  loadRecording,
  pictureOf,
  type Recording,
  recordingNames,
  type Step,
} from '../../support/recording.js';

interface Difference {
  readonly recording: string;
  readonly command: string;
  readonly recorded: string;
  readonly ours: string;
}

/** Replies that differ on purpose. */
const onPurpose: readonly (Difference & { readonly why: string })[] = [
  ...['RETR 4', 'TOP 4 100', 'TOP 4 3'].map((command) => ({
    recording: 'all-commands',
    command: `${command}\r\n`,
    recorded: '+OK \r\nSubject: crlf inside\r\r\n\r\r\na\r\r\nb\r\r\n\r\n.\r\n',
    ours: '+OK \r\nSubject: crlf inside\r\n\r\na\r\nb\r\n\r\n.\r\n',
    why: 'a line that is stored with CR LF is sent with CR LF, not with CR CR LF',
  })),
  {
    recording: 'all-commands',
    command: 'TOP 4 0\r\n',
    recorded: '+OK \r\nSubject: crlf inside\r\r\n\r\r\na\r\r\nb\r\r\n\r\n.\r\n',
    ours: '+OK \r\nSubject: crlf inside\r\n\r\n\r\n.\r\n',
    why: 'so the header has an end',
  },
  {
    recording: 'all-commands',
    command: 'TOP 4 1\r\n',
    recorded: '+OK \r\nSubject: crlf inside\r\r\n\r\r\na\r\r\nb\r\r\n\r\n.\r\n',
    ours: '+OK \r\nSubject: crlf inside\r\n\r\na\r\n\r\n.\r\n',
    why: 'and the lines of the body can be counted',
  },
  {
    recording: 'no-quit',
    command: 'RETR 4\r\n',
    recorded: '+OK \r\nSubject: crlf inside\r\r\n\r\r\na\r\r\nb\r\r\n\r\n.\r\n',
    ours: '+OK \r\nSubject: crlf inside\r\n\r\na\r\nb\r\n\r\n.\r\n',
    why: 'as above',
  },
  {
    recording: 'errors-before-login',
    command: 'CAPA\r\n',
    recorded: '-ERR authorization first\r\n',
    ours: '+OK \r\nTOP\r\nUIDL\r\nUSER\r\nSASL PLAIN LOGIN CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256\r\nPIPELINING\r\nRESP-CODES\r\nEXPIRE NEVER\r\nIMPLEMENTATION vqmail\r\n.\r\n',
    why: 'CAPA is ours',
  },
  {
    recording: 'errors-in-transaction',
    command: 'CAPA\r\n',
    recorded: '-ERR unimplemented\r\n',
    ours: '+OK \r\nTOP\r\nUIDL\r\nUSER\r\nPIPELINING\r\nRESP-CODES\r\nEXPIRE NEVER\r\nIMPLEMENTATION vqmail\r\n.\r\n',
    why: 'CAPA is ours',
  },
  {
    recording: 'message-vanishes',
    command: 'RETR 4\r\n',
    recorded: '-ERR unable to open that message\r\n',
    ours: '+OK \r\nSubject: crlf inside\r\n\r\na\r\nb\r\n\r\n.\r\n',
    why: 'a message that got other flags is found again',
  },
  {
    recording: 'message-vanishes',
    command: 'QUIT\r\n',
    recorded: '-ERR unable to unlink all deleted messages\r\n-ERR unable to unlink all deleted messages\r\n+OK \r\n',
    ours: '+OK \r\n',
    why: 'a message that is gone needs no removal, and one with other flags is removed',
  },
  {
    recording: 'order-by-mtime',
    command: 'UIDL\r\n',
    recorded:
      '+OK \r\n1 1772323201.2.h\r\n2 1772323202.3.h\r\n3 abc\r\n4 1772323205.6.h\r\n5 1772323204.5.h\r\n6 1772323200.1.h\r\n.\r\n',
    ours: '+OK \r\n1 1772323201.2.h\r\n2 1772323202.3.h\r\n3 abc\r\n4 1772323204.5.h\r\n5 1772323205.6.h\r\n6 1772323200.1.h\r\n.\r\n',
    why: 'messages of one time stand in the order of their names; the order of the original is chance',
  },
  {
    recording: 'pipelined',
    command: 'USER test@mailtest.example.jp\r\nPASS password\r\nSTAT\r\nQUIT\r\n',
    recorded: '+OK \r\n+OK \r\n',
    ours: '+OK \r\n+OK \r\n+OK 5 <octets>\r\n+OK \r\n',
    why: 'commands behind PASS are not lost',
  },
];

/** Changes on disk that differ on purpose: recording, step and path, and what ours is. */
const otherwiseOnDisk: readonly { recording: string; step: number; path: RegExp; why: string }[] = [
  {
    recording: 'pipelined',
    step: 0,
    path: /Maildir\/(new|cur)\/17723/,
    why: 'the session comes to its QUIT, so messages leave new/',
  },
  {
    recording: 'message-vanishes',
    step: 1,
    path: /1772323300\.102\.mail\.example\.gr\.jp,S=40:2,FRS$/,
    why: 'the deleted message had got other flags and is removed all the same',
  },
];

/** Relay rules for clients that logged in are not ours yet. */
const notOurs = /^\/home\/vpopmail\/etc\/|^\/etc\//;

const usedDifferences = new Set<Difference>();
const usedChanges = new Set<unknown>();

for (const name of recordingNames('pop3')) {
  test(`pop3/${name} gives the recorded replies and files`, async (t) => {
    const recording = loadRecording('pop3', name);
    const host = await pop3Host(t, { recording });
    let whilePausing: (() => void) | undefined;
    for (const [index, step] of recording.steps.entries()) {
      const isLater = step.sh?.includes('sleep 1.2') === true;
      if (isLater) whilePausing = () => runBesides(host, step.sh ?? '');
      if (step.events === undefined) applyChanged(isLater ? { ...step, changed: {}, moved: {} } : step, host.root);
      else await replayStep(name, index, step, host, whilePausing);
      if (otherwiseOnDisk.some((row) => row.recording === name && row.step === index)) putBack(recording, index, host);
    }
  });
}

test('every difference that is named was met', () => {
  assert.deepEqual(
    onPurpose.filter((row) => !usedDifferences.has(row)).map((row) => `${row.recording} ${row.command}`),
    [],
  );
  assert.deepEqual(
    otherwiseOnDisk.filter((row) => !usedChanges.has(row)),
    [],
  );
});

async function replayStep(
  name: string,
  index: number,
  step: Step,
  host: Pop3Host,
  whilePausing?: () => void,
): Promise<void> {
  const before = pictureOf(host.root);
  const client = await Pop3Client.connect(host.port, step.from);
  let commands: string[] = ['(banner)'];
  let sent = '';
  try {
    for (const event of step.events ?? []) {
      if (event.client !== undefined) {
        sent = bytesOf(event.client).toString('latin1');
        commands = sent.split('\n').slice(0, -1);
        client.send(sent);
      }
      if (event.pause_ms !== undefined) whilePausing?.();
      if (event.server !== undefined) {
        let ours = '';
        for (const command of commands) ours += await client.reply(command.replace(/\r$/, ''));
        compare({ recording: name, command: sent, recorded: bytesOf(event.server).toString('latin1'), ours });
      }
      if (event.closed_by === 'client') event.how === 'reset' ? client.reset() : client.halfClose();
      if (event.closed_by === 'server') assert.equal(await client.closed(), '', `nothing more after ${sent}`);
    }
  } finally {
    client.destroy();
  }
  compareDisk(name, index, step, changesBetween(before, pictureOf(host.root)));
  applyChanged(step, host.root);
}

/** Sizes are octets as they are sent, where the original has file sizes (another test counts them); times and pids differ. */
function masked(text: string, command: string): string {
  const banner = text.replace(/^\+OK <\d+\.\d+@/, '+OK <<pid>.<time>@');
  if (!/STAT|LIST/i.test(command)) return banner;
  return banner.replace(/^(\+OK )?(\d+) \d+\r$/gm, '$1$2 <octets>\r');
}

function compare({ recording, command, recorded, ours }: Difference): void {
  const [was, is] = [masked(recorded, command), masked(ours, command)];
  if (was === is) return;
  const known = onPurpose.find(
    (row) => row.recording === recording && row.command === command && row.recorded === recorded,
  );
  assert.equal(is, known?.ours ?? was, `${recording}: ${command}`);
  if (known) usedDifferences.add(known);
}

function compareDisk(name: string, index: number, step: Step, ours: Record<string, Entry | null>): void {
  const rows = otherwiseOnDisk.filter((row) => row.recording === name && row.step === index);
  const isCompared = (hostPath: string): boolean => {
    const row = rows.find(({ path: pattern }) => pattern.test(hostPath));
    if (row !== undefined) usedChanges.add(row);
    return row === undefined && !notOurs.test(hostPath);
  };
  const compared = (changes: Readonly<Record<string, Entry | null>>): Record<string, Entry | null> =>
    Object.fromEntries(Object.entries(changes).filter(([hostPath]) => isCompared(hostPath)));
  assert.deepEqual(differences(compared(step.changed ?? {}), compared(ours)), [], `${name} step ${index}`);
}

/** Puts the recorded state after a step in the place of ours. */
function putBack(recording: Recording, index: number, { root }: Pop3Host): void {
  rmSync(path.join(root, 'home'), { recursive: true });
  buildTree(recording.before, root);
  for (const step of recording.steps.slice(0, index + 1)) applyChanged(step, root);
}

/** What another program does in the middle of the session. */
function runBesides(host: Pop3Host, script: string): void {
  const now = script.replace(/^\(sleep [\d.]+; /, '').replace(/\) >\/dev\/null.*$/, '');
  const here = now.replaceAll('/home/vpopmail', `${host.root}/home/vpopmail`);
  execFileSync('/bin/sh', ['-c', process.getuid?.() === 0 ? here : here.replace(/chown [^;]*$/, 'true')]);
}
