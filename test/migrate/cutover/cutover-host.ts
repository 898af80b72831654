// A host whose old services are run by real daemontools (svscan, supervise, svc) and tcpserver. The old servers are stand-ins: each connection is passed on to a vqmail of its own.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Pop3Client } from '../../support/pop3-client.js';
import { freePort, waitForPort } from '../../support/ports.js';
import { type Ran, run } from '../../support/program.js';
import { vqmailProgram } from '../../support/started-server.js';
import { ShadowHost } from '../shadow/shadow-host.js';

export const daemontoolsPrograms = ['svscan', 'supervise', 'svc', 'tcpserver', 'tcpclient'];

export class CutoverHost extends ShadowHost {
  readonly #stops: (() => Promise<void>)[];
  #turn: net.Server | undefined;

  constructor(t: TestContext) {
    const stops: (() => Promise<void>)[] = [];
    // Before the tree is removed: what comes first is done first.
    t.after(async () => {
      for (const stop of stops) await stop();
      this.#turn?.close();
    });
    super(t, 'dovecot-pop3');
    this.#stops = stops;
    mkdirSync(path.join(this.root, 'service'));
  }

  /**
   * Waits until no other test, of whatever file, has servers at customary ports, and keeps them until this one ends: `migrate` looks for who holds them on the whole machine.
   * The name is Linux's own, of no file; it is free when its process is gone.
   */
  async customaryPorts(): Promise<void> {
    while (this.#turn === undefined) {
      const turn = net.createServer().listen('\0vqmail-test-customary-ports');
      await once(turn, 'listening').then(
        () => {
          this.#turn = turn;
        },
        () => pause(200),
      );
    }
  }

  /** What is to be stopped before the tree goes. */
  stopWith(stop: () => Promise<void>): void {
    this.#stops.push(stop);
  }

  /** A script, executable. */
  script(file: string, text: string): void {
    this.write(path.join(this.root, file), `#!/bin/sh\n${text}\n`);
    chmodSync(path.join(this.root, file), 0o755);
  }

  /** A program of qmail that passes each connection on to a port. */
  passOn(program: string, port: number): void {
    this.script(
      `var/qmail/bin/${program}`,
      `exec tcpclient -RHl0 127.0.0.1 ${port} sh -c 'cat <&6 & cat >&7; kill $!'`,
    );
  }

  /** svscan on the host's /service, until the test ends. */
  scan(): void {
    this.#scanWith('svscan', 'service', async (all) => {
      await run(['svc', '-dx', ...all]);
      for (const service of all) await run(['sh', '-c', 'while svok "$1"; do sleep 0.1; done', 'sh', service]);
    });
  }

  /** runsvdir on the host's /etc/service, until the test ends. */
  scanByRunit(): void {
    mkdirSync(path.join(this.root, 'etc/service'), { recursive: true });
    this.#scanWith('runsvdir', 'etc/service', async (all) => {
      await run(['sv', 'exit', ...all]);
      for (const service of all) await run(['sh', '-c', 'while sv status "$1"; do sleep 0.1; done', 'sh', service]);
    });
  }

  #scanWith(program: string, folder: string, end: (services: readonly string[]) => Promise<void>): void {
    const directory = path.join(this.root, folder);
    const child = spawn(program, [directory], { stdio: 'ignore' });
    this.#stops.push(async () => {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
      await end(readdirSync(directory).map((name) => path.join(directory, name)));
    });
  }

  /** Runs `vqmail migrate ...` as a program. @param directory of further programs, before all others */
  migrate(args: readonly string[], directory = '/nonexistent'): Promise<Ran> {
    return run([process.execPath, vqmailProgram, '--root', this.root, 'migrate', ...args], '', {
      PATH: `${directory}:${process.env.PATH ?? ''}`,
    });
  }

  /** The same, killed when it has said a line. @returns what it has said */
  async killedAt(line: RegExp, args: readonly string[]): Promise<string> {
    const child = spawn(process.execPath, [vqmailProgram, '--root', this.root, 'migrate', ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      said += text;
      if (line.test(said)) child.kill('SIGKILL');
    });
    await once(child, 'close');
    return said;
  }

  /** The same, stopped when it has said a line. @returns what lets it go on, and gives its exit status */
  async pausedAt(line: RegExp, args: readonly string[]): Promise<() => Promise<number | null>> {
    const child = spawn(process.execPath, [vqmailProgram, '--root', this.root, 'migrate', ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'close') as Promise<[number | null]>;
    let said = '';
    await new Promise<void>((resolve) => {
      child.stdout.setEncoding('latin1').on('data', (text: string) => {
        const isSaid = line.test(said);
        said += text;
        if (isSaid || !line.test(said)) return;
        child.kill('SIGSTOP');
        resolve();
      });
      child.once('close', resolve);
    });
    return async () => {
      child.kill('SIGCONT');
      return (await ended)[0];
    };
  }

  get state(): boolean {
    return existsSync(this.layout.control('vqmail/cutover'));
  }
}

export interface Pop3Host {
  readonly host: CutoverHost;
  readonly port: number;
  readonly cutover: readonly string[];
}

/** An old POP3 server under supervise, and ours beside. */
export async function pop3Host(t: TestContext): Promise<Pop3Host> {
  const host = new CutoverHost(t);
  const port = await freePort();
  const [old, beside] = [await host.serve('--uidl', 'dovecot'), await host.serve('--uidl', 'dovecot')];
  host.passOn('qmail-pop3d', old.ports.pop3 ?? 0);
  host.script(
    'service/qmail-pop3d/run',
    `exec tcpserver -HRl0 127.0.0.1 ${port} ${host.root}/var/qmail/bin/qmail-pop3d 2>/dev/null`,
  );
  host.scan();
  await waitForPort(port, () => 'qmail-pop3d');
  const besides = ['--beside', `pop3=127.0.0.1:${beside.ports.pop3}`, '--wait', '30'];
  return { host, port, cutover: ['cutover', 'pop3', ...besides, '--yes', '--', '--uidl', 'dovecot', '--workers', '0'] };
}

/** The answer to a login. */
export async function served(port: number): Promise<string> {
  const client = await Pop3Client.connect(port);
  try {
    return await client.logIn('joe@a.jp', 'secret');
  } finally {
    client.destroy();
  }
}

/** Whether a service waits: its directory, below /service or where ours are written. */
export function isDown(host: CutoverHost, service: string): boolean {
  return ['service', 'var/qmail/supervise'].some((parent) => existsSync(path.join(host.root, parent, service, 'down')));
}

export interface TriedMove {
  readonly protocols: readonly string[];
  /** Where ours serves beside, as `PROTO=HOST:PORT`. */
  readonly beside: readonly string[];
  /** Options of serve with which ours does not do. */
  readonly wrong: readonly string[];
  /** What is told of that. */
  readonly told: RegExp;
  /** Options of serve with which it does; none unless given. */
  readonly serve?: readonly string[];
  /** How many seconds of it are enough. */
  readonly wait?: number;
  /** Looks who is started. */
  readonly serves: (isOld: boolean) => void;
  /** Directory of further programs, before all others. */
  readonly programs?: string;
}

/** Ours is put in a place with wrong options, which is taken back by itself; then with the right ones; then it is rolled back. */
export async function movesAndReturns(host: CutoverHost, move: TriedMove): Promise<void> {
  const { protocols, beside, wrong, told, serves, programs, serve = [], wait = 30 } = move;
  const besides = beside.flatMap((place) => ['--beside', place]);
  const args = (seconds: number): string[] => [
    ...[
      'cutover',
      ...protocols,
      ...besides,
      '--wait',
      String(seconds),
      '--yes',
      '--',
      '--queue',
      'off',
      '--workers',
      '0',
    ],
  ];
  const failed = await host.migrate([...args(wait), ...wrong], programs);
  assert.equal(failed.status, 1, failed.stdout + failed.stderr);
  assert.match(failed.stdout, told);
  assert.match(failed.stdout, /^going back\n[\s\S]*serves again$/m);
  serves(true);
  const moved = await host.migrate([...args(30), ...serve], programs);
  assert.deepEqual([moved.status, moved.stderr], [0, ''], moved.stdout);
  assert.equal(moved.stdout.match(/nothing differs that a client would notice/g)?.length, 2);
  serves(false);
  const back = await host.migrate(['rollback', ...protocols, '--yes'], programs);
  assert.deepEqual([back.status, back.stderr], [0, ''], back.stdout);
  serves(true);
}
