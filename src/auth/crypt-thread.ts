// The thread that computes hashes in JavaScript. It alone loads the libraries for that; its owner's side is crypt-worker.ts.

import { parentPort } from 'node:worker_threads';
import { scriptCrypt } from './crypt-script.js';

export interface Question {
  readonly id: number;
  readonly password: Uint8Array;
  readonly setting: string;
}

export interface Answer {
  readonly id: number;
  readonly hash?: string | undefined;
  readonly error?: string;
}

function answer({ id, password, setting }: Question): Answer {
  try {
    return { id, hash: scriptCrypt(Buffer.from(password), setting) };
  } catch (error) {
    return { id, error: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on('message', (question: Question) => parentPort?.postMessage(answer(question)));
