// `vqmail cert self-signed|show|check`: the certificates of the host (stores/certificates).
//
//   self-signed NAME... [--into FILE] [--days N]     makes a key and a certificate for these names; control/servercert.pem unless told otherwise
//   show [--json]                                    every certificate that is configured: file, names, end
//   check [--days N]                                 the same with what is wrong; exit 1 for one that cannot be used, is over, or ends within N days (14)
//
// show and check take --tls-certificate as `serve` does, for those that only its command line names.
//
// A new servercert.pem is qmaild's and of group qmail, mode 0640, as qmail's TLS patch wants it, where this is root and there are such; what is replaced keeps its owner and mode.

import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { PermanentError } from '../errors.js';
import { SystemAccounts } from '../files/accounts.js';
import { statusOf } from '../files/identity.js';
import { bytesPath } from '../files/read.js';
import { replaceFile } from '../files/replace.js';
import { lineLog } from '../log.js';
import { parseCertificateFiles } from '../stores/certificates/certificate.js';
import { Certificates, type ConfiguredCertificate } from '../stores/certificates/certificates.js';
import { certificateLine, dayMs, problemOf } from '../stores/certificates/report.js';
import { parseCommandLine } from './command-line.js';
import { argumentPath, type ToolIo } from './tool-io.js';

const usage = 'usage: vqmail cert self-signed NAME... | show | check';

/** The command. @returns its exit code */
export async function cert(args: string[], io: ToolIo): Promise<number> {
  const [what, ...rest] = args;
  switch (what) {
    case 'self-signed':
      return selfSigned(rest, io);
    case 'show':
      return show(rest, io);
    case 'check':
      return check(rest, io);
    case '--help':
    case '-h':
    case 'help':
      io.stdout(`${usage}\n`);
      return 0;
    default:
      throw new PermanentError('5.5.4', usage);
  }
}

async function selfSigned(args: string[], io: ToolIo): Promise<number> {
  const command = new Command('vqmail cert self-signed')
    .argument('<name...>')
    .option('--into <file>', 'control/servercert.pem unless given')
    .option('--days <n>', 'how long it is good', '825')
    .option('--force', 'replaces a file that is there');
  const options = parseCommandLine<{ into?: string; days: string; force?: boolean }>(command, args, io);
  if (options === undefined) return 0;
  const file =
    options.into === undefined ? io.layout.serverCertificate : path.resolve(io.workingDirectory, options.into);
  if (!options.force && statusOf(bytesPath(file)) !== undefined)
    throw new PermanentError('5.5.4', `${io.layout.host(file)}: is there already; --force replaces it`);
  const { makeSelfSigned } = await import('../stores/certificates/self-signed.js');
  const names = command.args.map((name) => name.toLowerCase());
  const pem = await makeSelfSigned(names, daysOf(options.days), Date.now());
  if (path.dirname(file) === io.layout.certificates) mkdirSync(io.layout.certificates, { recursive: true });
  const temporaryName = `${path.basename(file)}.${process.pid}`;
  await replaceFile(file, Buffer.from(pem, 'latin1'), { ...manners(file, io), temporaryName });
  io.stdout(`${io.layout.host(file)}: a certificate and its key for ${names.join(' ')}\n`);
  return 0;
}

/** Mode and owner of a new file. */
function manners(
  file: string,
  { layout }: ToolIo,
): { mode: number; uid?: number | undefined; gid?: number | undefined } {
  const status = statusOf(bytesPath(file));
  if (status !== undefined)
    return { mode: Number(status.mode & 0o777n), uid: Number(status.uid), gid: Number(status.gid) };
  const accounts = new SystemAccounts(layout);
  const uid = accounts.user('qmaild')?.uid;
  const gid = accounts.group('qmail')?.gid;
  return { mode: 0o640, uid, gid };
}

async function show(args: string[], io: ToolIo): Promise<number> {
  const command = new Command('vqmail cert show').option('--json');
  const options = parseCommandLine<{ json?: boolean } & Named>(named(command), args, io);
  if (options === undefined) return 0;
  const all = await configured(options, io);
  if (options.json)
    io.stdout(
      `${JSON.stringify(
        all.map((one) => record(one, io)),
        undefined,
        1,
      )}\n`,
    );
  else for (const one of all) io.stdout(`${line(one, io)}\n`);
  if (all.length === 0) io.stderr('there is no certificate; vqmail cert self-signed NAME makes one\n');
  return 0;
}

async function check(args: string[], io: ToolIo): Promise<number> {
  const command = new Command('vqmail cert check').option('--days <n>', 'how long before the end it is told', '14');
  const options = parseCommandLine<{ days: string } & Named>(named(command), args, io);
  if (options === undefined) return 0;
  const before = daysOf(options.days) * dayMs;
  let isFine = true;
  for (const one of await configured(options, io)) {
    const wrong = 'trouble' in one ? one.trouble : problemOf(one, Date.now(), before);
    if (wrong !== undefined) isFine = false;
    io.stdout(`${line(one, io)}${wrong === undefined || 'trouble' in one ? '' : `: ${wrong}`}\n`);
  }
  return isFine ? 0 : 1;
}

interface Named {
  readonly tlsCertificate?: readonly string[];
}

function named(command: Command): Command {
  const collect = (value: string, before: string[] = []): string[] => [...before, value];
  return command.option('--tls-certificate <cert[:key[:chain]]>', 'one that serve is told of; once for each', collect);
}

async function configured({ tlsCertificate = [] }: Named, io: ToolIo): Promise<ConfiguredCertificate[]> {
  const log = lineLog(() => {});
  const files = tlsCertificate.map((text) => parseCertificateFiles(text, (file) => argumentPath(file, io)));
  return new Certificates({ layout: io.layout, log, files, options: {} }).all();
}

function line(one: ConfiguredCertificate, io: ToolIo): string {
  return 'trouble' in one ? one.trouble : certificateLine(one, io.layout);
}

function record(one: ConfiguredCertificate, io: ToolIo): object {
  const file = io.layout.host(one.files.certificate);
  if ('trouble' in one) return { file, trouble: one.trouble };
  return { file, names: one.names, until: new Date(one.notAfterMs).toISOString() };
}

function daysOf(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text);
  throw new PermanentError('5.5.4', `--days ${text}: a number of days is needed`);
}
