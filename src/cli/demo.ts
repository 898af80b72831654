// `vqmail demo`, which is `npm start`: unpacks the sample host (fixtures/sample-host) and serves it, as whoever starts it, without root and without touching anything else. It says
// what to type to send a mail and to read it, and where each mail landed. Ctrl-C ends it.
//
//   --into DIR    where the host is unpacked; ./demo-host unless given. A demo host that is there is served as it is, with its mail; anything else is left alone.
//
// Ports 10025, 10110 and 10143 when they are free, else others.

import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { Command } from 'commander';
import { PermanentError } from '../errors.js';
import { standardErrorLog as log } from '../log.js';
import { startDaemon, untilSignal } from '../main.js';
import { parseSettings } from '../settings.js';
import { parseCommandLine } from './command-line.js';
import type { ToolIo } from './tool-io.js';

/** One path of the sample host. */
interface Entry {
  readonly type: 'file' | 'dir';
  readonly mode: string;
  readonly text?: string;
  readonly gzip_base64?: string;
}

const marker = '.vqmail-demo';

/** @returns the exit status. @throws PermanentError when the folder is something else */
export async function demo(args: string[], io: ToolIo): Promise<number> {
  const command = new Command('vqmail demo').option('--into <dir>', 'where the sample host is unpacked', 'demo-host');
  const options = parseCommandLine<{ into: string }>(command, args, io);
  if (options === undefined) return 0;
  const root = path.resolve(options.into);
  unpackSampleHost(root);
  const [smtp, pop3, imap] = [await freePort(10025), await freePort(10110), await freePort(10143)];
  const listen = [`smtp=127.0.0.1:${smtp}`, `pop3=127.0.0.1:${pop3}`, `imap=127.0.0.1:${imap}`];
  const daemon = await startDaemon(parseSettings({ root }, { listen, workers: '0' }, false), log);
  const ended = untilSignal(daemon, log);
  const ports = daemon.listening.map((place) => Number(place.slice(place.lastIndexOf(':') + 1)));
  io.stdout(`ready ${daemon.listening.join(' ')}\n\n`);
  io.stdout(instructions(shown(root), ports));
  const watchers = tellDeliveries(root, io);
  const status = await ended;
  for (const watcher of watchers) watcher.close();
  process.exit(status);
}

/** Makes the sample host at `root`, or leaves the demo host that is there. @throws PermanentError when something else is there */
export function unpackSampleHost(root: string): void {
  const there = fs.existsSync(root) ? fs.readdirSync(root) : [];
  if (there.includes(marker)) return;
  if (there.length > 0)
    throw new PermanentError('5.5.4', `${root} is there and is not a demo host; choose another folder with --into DIR`);
  for (const [hostPath, entry] of Object.entries(sampleHost())) {
    const place = path.join(root, hostPath);
    fs.mkdirSync(entry.type === 'dir' ? place : path.dirname(place), { recursive: true });
    if (entry.type === 'file') fs.writeFileSync(place, contentOf(entry));
    fs.chmodSync(place, Number.parseInt(entry.mode, 8));
  }
  fs.writeFileSync(
    path.join(root, marker),
    'Unpacked by vqmail demo, which serves it again when it finds this file.\n',
  );
}

function sampleHost(): Readonly<Record<string, Entry>> {
  const file = new URL('fixtures/sample-host/host.json', packageDirectory());
  return (JSON.parse(fs.readFileSync(file, 'utf8')) as { before: Readonly<Record<string, Entry>> }).before;
}

/** The package, from the compiled program as from the sources. */
function packageDirectory(): URL {
  let directory = new URL('..', import.meta.url);
  while (!fs.existsSync(new URL('package.json', directory))) directory = new URL('..', directory);
  return directory;
}

function contentOf(entry: Entry): Buffer {
  if (entry.gzip_base64 !== undefined) return gunzipSync(Buffer.from(entry.gzip_base64, 'base64'));
  return Buffer.from(entry.text ?? '');
}

/** This port when it is free, else 0, which lets the system choose. */
function freePort(port: number): Promise<number> {
  return new Promise((resolve) => {
    const probe = net.createServer();
    probe.once('error', () => resolve(0));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(port)));
  });
}

/** Prints where each message lands, as soon as it is there. */
function tellDeliveries(root: string, io: ToolIo): fs.FSWatcher[] {
  const directories = Object.keys(sampleHost()).filter((hostPath) => hostPath.endsWith('/Maildir/new'));
  return directories.map((hostPath) => {
    const directory = path.join(root, hostPath);
    return fs.watch(directory, (_, name) => {
      if (name !== null && fs.existsSync(path.join(directory, name)))
        io.stdout(`delivered: ${shown(path.join(directory, name))}\n`);
    });
  });
}

function shown(file: string): string {
  const relative = path.relative('', file);
  return relative.startsWith('..') ? file : relative;
}

function instructions(root: string, [smtp = 0, pop3 = 0, imap = 0]: readonly number[]): string {
  const program = `node ${shown(fileURLToPath(new URL('./vqmail.cjs', import.meta.url)))}`;
  const user = 'test@mailtest.example.jp';
  return `The sample host lies in ${root}. Two domains, every password is "password":
  mailtest.example.jp   test, hanako, postmaster
  shop.example.gr.jp    mina (10 MiB), quo (2000 bytes), postmaster, who gets what nobody else does

Send a mail:
  $ printf 'From: me@example.org\\nSubject: hello\\n\\nIt works.\\n' | curl -sS --crlf --mail-from me@example.org --mail-rcpt ${user} --upload-file - smtp://127.0.0.1:${smtp}
Read it: how many there are, then the first
  $ curl -sS --user ${user}:password pop3://127.0.0.1:${pop3}/
  $ curl -sS --user ${user}:password pop3://127.0.0.1:${pop3}/1
The same by IMAP: what is in INBOX, then the first mail
  $ curl -sS --user ${user}:password imap://127.0.0.1:${imap}/ --request 'EXAMINE INBOX'
  $ curl -sS --user ${user}:password 'imap://127.0.0.1:${imap}/INBOX;MAILINDEX=1'
Ask what would become of a mail, and look for problems of the host:
  $ ${program} route anybody@shop.example.gr.jp --root ${root}
By hand, as an old client would: telnet 127.0.0.1 ${smtp}, then type
    HELO me
    MAIL FROM: noel@example.gr.jp
    RCPT TO: ${user}
    DATA
    Subject: by hand

    It works.
    .
    QUIT
Each mail is a file of its own; where it landed is printed here. Ctrl-C ends the demo; ${root} stays, and may be removed.

`;
}
