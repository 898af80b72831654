// The bare `smtp-server` library with a Maildir handler of about 25 lines, single process: what remains when every check of ours is taken away.
// It takes any recipient, and acknowledges when each copy is durable, with the same system calls as vqmail. Its greeting is not held back, as ours is not.

import { once } from 'node:events';
import fs from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { SMTPServer } from 'smtp-server';
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js';
import { makeMaildir } from './maildirs.js';
import { accountNames, mailDomain, type SmtpServerUnderTest } from './smtp-server-under-test.js';
import type { Workplace } from './workplace.js';

/** Starts it as a process of its own. */
export async function startBareLibrary(workplace: Workplace): Promise<SmtpServerUnderTest> {
  const root = workplace.makeMailDirectory(workplace.path('bare-library'));
  const maildirs = accountNames.map((account) => path.join(root, account, 'Maildir'));
  for (const maildir of maildirs) makeMaildir(maildir);
  const main = process.argv[1] ?? '';
  const { child, started } = workplace.start('bare-library', process.execPath, [main, '--bare-library', root], {
    pipeOutput: true,
  });
  const output = child.stdout;
  if (output === null) throw new Error('no output');
  const [line] = await once(output, 'data');
  return {
    name: 'bare library',
    ...started,
    port: Number(line),
    maildirs,
    recipients: accountNames.map((account) => `${account}@${mailDomain}`),
    drained: async () => {},
  };
}

class PromptConnection extends SMTPConnection {
  override init(): void {
    this._setListeners(() => this.connectionReady());
  }
}

class PromptServer extends SMTPServer {
  override connect(...[socket, options]: Parameters<SMTPServer['connect']>): void {
    const connection = new PromptConnection(this, socket, options);
    this.connections.add(connection);
    connection.on('error', (error) => this.emit('error', error));
    connection.init();
  }
}

/** The process itself: serves on a free port, which it prints. */
export async function serveBareLibrary(root: string): Promise<void> {
  let serial = 0;
  const deliver = async (account: string, body: readonly Buffer[]): Promise<void> => {
    const maildir = path.join(root, account, 'Maildir');
    const name = `${Math.floor(Date.now() / 1000)}.${process.pid}_${serial++}.mx.bench.example`;
    const file = await fs.open(path.join(maildir, 'tmp', name), 'wx', 0o600);
    await file.writev([Buffer.from(`Delivered-To: ${account}@${mailDomain}\n`), ...body]);
    await file.sync();
    await file.close();
    await fs.rename(path.join(maildir, 'tmp', name), path.join(maildir, 'new', name));
    const directory = await fs.open(path.join(maildir, 'new'), 'r');
    await directory.sync();
    await directory.close();
  };
  const server = new PromptServer({
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    onData(stream, session, done) {
      const body: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => body.push(chunk));
      stream.on('end', () => {
        const accounts = session.envelope.rcptTo.map(({ address }) => address.slice(0, address.indexOf('@')));
        Promise.all(accounts.map((account) => deliver(account, body))).then(() => done(), done);
      });
    },
  });
  const listening = server.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const { port } = listening.address() as AddressInfo;
  process.stdout.write(`${port}\n`);
}
