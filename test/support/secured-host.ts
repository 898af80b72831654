// The sample host of the demo served by the real daemon in one process, with a certificate of an authority of its own: for clients that verify it.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { startSampleHost } from '../processes/sample-server.js';
import { type Authority, makeAuthority } from './certificates.js';
import { newRoot, removeRoot } from './recording.js';
import { writeControl } from './smtp-host.js';

/** The name in the certificate, which all clients reach by an address. */
export const hostName = 'localhost';
/** Whose password is `password`. */
export const user = 'test@mailtest.example.jp';
const maildir = 'home/vpopmail/domains/mailtest.example.jp/test/Maildir';

export interface SecuredHost {
  readonly ports: Readonly<Record<string, number>>;
  readonly authority: Authority;
  /** Of the host tree. */
  readonly root: string;
  /** A folder for clients' files. */
  readonly folder: string;
  /** The messages that have arrived. */
  arrived(): string[];
  put(text: string): void;
  /** Writes a control file, or removes it. */
  control(name: string, text: string | null): void;
  log(): string;
}

/** @param options of serve */
export async function securedHost(t: TestContext, options: readonly string[] = []): Promise<SecuredHost> {
  const folder = newRoot('vqmail-tls-clients');
  t.after(() => removeRoot(folder));
  const authority = makeAuthority(folder);
  const pem = authority.issue(hostName);
  const listen = ['smtps', 'submission', 'pop3s'].flatMap((name) => ['--listen', `${name}=127.0.0.1:0`]);
  const { server, root } = await startSampleHost(t, ['--workers', '0', ...listen, ...options], (tree) => {
    tree['/var/qmail/control/servercert.pem'] = { type: 'file', mode: '0640', text: pem };
  });
  const files = (): string[] =>
    ['new', 'cur'].flatMap((part) => {
      const directory = path.join(root, maildir, part);
      return existsSync(directory) ? readdirSync(directory).map((name) => path.join(directory, name)) : [];
    });
  let sent = 0;
  return {
    ports: server.ports,
    authority,
    root,
    folder,
    arrived: () => files().map((file) => readFileSync(file, 'latin1')),
    put: (text) => writeFileSync(path.join(root, maildir, 'new', `${1772323200 + sent}.${sent++}.h`), text),
    control: (name, text) => writeControl(root, name, text),
    log: server.log,
  };
}
