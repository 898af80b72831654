// sendmail: qmail's wrapper, by which programs of every age hand in mail (formats/qmail.md 8.2).
//
//   -t                 recipients from the header too        -f ADDRESS     sender, and the user and host of a From that is added
//   -bp, or mailq      lists the queue                       -F NAME        full name
//   -bs                an SMTP session on standard input     -bm            the default
//   -B* -p* -v -i -x -m -e* -o* -E* -J*                      taken and ignored
//
// `newaliases` is refused: there is no alias file to compile.

import fs from 'node:fs';
import path from 'node:path';
import { bytesPath } from '../../files/read.js';
import { splitAddress } from '../../mail/address.js';
import { qmailGetopt } from '../qmail-getopt.js';
import type { ToolIo } from '../tool-io.js';
import { injectMessage } from './qmail-inject.js';

const usage = 'sendmail: usage: sendmail [ -t ] [ -fsender ] [ -Fname ] [ -bp ] [ -bs ] [ arg ... ]\n';

/** The tool. @returns its exit code */
export async function sendmail(args: string[], io: ToolIo): Promise<number> {
  const given = readArguments(args, io);
  if (given === undefined) {
    io.stderr(usage);
    return 100;
  }
  const { mode, fromHeader, sender, environment, recipients } = given;
  if (mode === 'list') return mailq([], io);
  if (mode === 'session') {
    const env = { ...io.env, ...(io.env.PROTO === undefined && localPeer) };
    return run(io, 'bin/qmail-smtpd', env, async () => (await import('./qmail-smtpd.js')).qmailSmtpd);
  }
  const recipientsFrom = fromHeader ? 'both' : 'arguments';
  return injectMessage(
    { recipientsFrom, sender, onlyPrint: false, recipients },
    { ...io, env: { ...io.env, ...environment } },
  );
}

/** mailq. @returns its exit code */
export async function mailq(_args: string[], io: ToolIo): Promise<number> {
  return run(io, 'bin/qmail-qread', io.env, async () => (await import('./qmail-qread.js')).qmailQread);
}

/** newaliases. @returns its exit code */
export async function newaliases(_args: string[], io: ToolIo): Promise<number> {
  io.stderr('sendmail: fatal: please use fastforward/newaliases instead\n');
  return 100;
}

/** Who an SMTP session on standard input comes from. */
const localPeer = {
  PROTO: 'TCP',
  TCPREMOTEIP: '127.0.0.1',
  TCPREMOTEHOST: 'localhost',
  TCPREMOTEINFO: 'sendmail-bs',
  TCPLOCALIP: '127.0.0.1',
  TCPLOCALHOST: 'localhost',
  RELAYCLIENT: '',
  DATABYTES: '0',
};

interface Given {
  readonly mode: 'message' | 'list' | 'session';
  readonly fromHeader: boolean;
  readonly sender: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly recipients: readonly string[];
}

const letters = 'vimte:f:p:o:B:F:E::J::xb:';
const modes: Readonly<Record<string, Given['mode']>> = { m: 'message', p: 'list', s: 'session' };

function readArguments(args: readonly string[], io: ToolIo): Given | undefined {
  let mode: Given['mode'] = 'message';
  let fromHeader = false;
  let sender: string | undefined;
  let environment: Record<string, string | undefined> = {};
  const recipients = qmailGetopt(args, letters, 'sendmail', io, (letter, value) => {
    if (letter === 't') fromHeader = true;
    if (letter === 'F') environment = { ...environment, MAILNAME: value };
    if (letter === 'f') {
      sender = value;
      environment = { ...environment, ...senderEnvironment(value) };
    }
    if (letter !== 'b') return undefined;
    const found = modes[value.charAt(0)];
    if (found === undefined) return false;
    mode = found;
    return undefined;
  });
  return recipients === undefined ? undefined : { mode, fromHeader, sender, environment, recipients };
}

/** A sender that was given is also who a missing From names. */
function senderEnvironment(sender: string): Record<string, string | undefined> {
  const { local, domain } = splitAddress(sender);
  const none = {
    QMAILNAME: undefined,
    MAILNAME: undefined,
    NAME: undefined,
    QMAILHOST: undefined,
    MAILHOST: undefined,
  };
  return { ...none, QMAILUSER: local, ...(domain !== undefined && { QMAILHOST: domain }) };
}

/** Becomes one of qmail's programs, or does what it does where the host has none. */
async function run(
  io: ToolIo,
  program: string,
  env: ToolIo['env'],
  own: () => Promise<(args: string[], io: ToolIo) => Promise<number>>,
): Promise<number> {
  const file = path.join(io.layout.qmail, program);
  if (!fs.existsSync(bytesPath(file))) return (await own())([], { ...io, env });
  const environment = Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  );
  await io.flushed();
  const { replaceProcess } = await import('../../files/replace-process.js');
  const ended = await replaceProcess({ arguments: [file], environment });
  if ('exitStatus' in ended) return ended.exitStatus;
  io.stderr(`sendmail: fatal: unable to run ${program.replace('bin/', '')}\n`);
  return 111;
}
