// Processes that log in to accounts without end, by the decision that every server uses, and know what must be answered. This file also is their program:
//
//   node readers.js --log-in ROOT       takes lines `+ ADDRESS PASSWORD` and `- ADDRESS` on standard input, and at its end asks once more for all of them
//
// A wrong answer is a line `ADDRESS PASSWORD: WHAT CAME`; the last line is `asked N`.

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { login } from '../../src/auth/login.js';
import { PasswordChecker } from '../../src/auth/password.js';
import { describe } from '../../src/errors.js';
import { Layout } from '../../src/layout.js';
import { openHost } from '../../src/stores/host.js';

export interface Reader {
  /** From now on this account must be let in, and no other password of it. */
  exists(address: string, password: string): void;
  /** From now on there is no such account. */
  isGone(address: string): void;
  /** Asks for everything once more and gives the wrong answers, and how many were asked for. */
  finish(): Promise<{ wrong: string[]; asked: number }>;
}

/** Starts a reader; its memory of what must be answered is empty. */
export function startReader(root: string): Reader {
  const loader = process.execArgv.filter((word, at, all) => word.startsWith('--import') || all[at - 1] === '--import');
  const child: ChildProcess = spawn(process.execPath, [...loader, fileURLToPath(import.meta.url), '--log-in', root], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
  let output = '';
  child.stdout?.setEncoding('latin1').on('data', (text: string) => {
    output += text;
  });
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
  });
  const tell = (line: string): void => void child.stdin?.write(`${line}\n`, 'latin1');
  return {
    exists: (address, password) => tell(`+ ${address} ${password}`),
    isGone: (address) => tell(`- ${address}`),
    async finish() {
      child.stdin?.end();
      await ended;
      const lines = output.split('\n').filter(Boolean);
      const last = /^asked (\d+)$/.exec(lines.pop() ?? '');
      return { wrong: last === null ? [...lines, 'the reader crashed'] : lines, asked: Number(last?.[1] ?? 0) };
    },
  };
}

async function logIn(root: string): Promise<void> {
  const host = openHost(new Layout({ root }));
  const checker = new PasswordChecker();
  const expected = new Map<string, string | undefined>();
  let isOver = false;
  let asked = 0;
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      const [sign, address = '', password] = line.split(' ');
      expected.set(address, sign === '+' ? password : undefined);
    })
    .on('close', () => {
      isOver = true;
    });
  const ask = async (address: string, password: string | undefined): Promise<void> => {
    asked++;
    const answer = await answerTo(address, password ?? 'whatever');
    if (answer !== (password === undefined ? 'unknown user' : 'in') && expected.get(address) === password)
      console.log(`${address} ${password}: ${answer}`);
  };
  const answerTo = async (address: string, password: string): Promise<string> => {
    const request = { service: 'smtp', login: address, secret: { password }, remoteIp: '192.0.2.1' } as const;
    try {
      const result = await login(host, checker, request);
      return result.ok ? 'in' : result.why;
    } catch (error) {
      return `failed: ${describe(error)}`;
    }
  };
  while (!isOver) {
    const addresses = [...expected.keys()];
    for (let turn = 0; turn < 20 && !isOver && addresses.length > 0; turn++) {
      const address = addresses[Math.floor(Math.random() * addresses.length)] ?? '';
      await ask(address, expected.get(address));
    }
    // The machine is the writers'.
    await pause(5);
  }
  for (const [address, password] of expected) await ask(address, password);
  console.log(`asked ${asked}`);
}

const [, , option, root = ''] = process.argv;
if (option === '--log-in') await logIn(root);
