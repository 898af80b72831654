// A host that sends mail, for tests: control files below a root of its own, a queue directory with a table of hosts that do not answer, and messages in files.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createRemoteChannel } from '../../src/delivery/remote/channel.js';
import type { RemoteContext } from '../../src/delivery/remote/context.js';
import { dnsNames } from '../../src/delivery/remote/names.js';
import type { DeliveryChannel, DeliveryReport } from '../../src/delivery/report.js';
import { Layout } from '../../src/layout.js';
import { lineLog } from '../../src/log.js';
import { newRoot, put, removeRoot } from './recording.js';

export interface RemoteHost {
  readonly root: string;
  readonly layout: Layout;
  readonly context: RemoteContext;
  log(): string;
  /** Writes or, without text, removes nothing: control files by name. */
  control(files: Readonly<Record<string, string>>): void;
  /** Sends a message through a channel of its own, or the one given; gives each recipient's report. */
  send(mail: Mail, channel?: DeliveryChannel): Promise<DeliveryReport[]>;
  channel(): DeliveryChannel;
  remove(): void;
}

export interface Mail {
  readonly sender?: string;
  readonly recipients: readonly string[];
  readonly message?: string | Buffer;
}

export const aMessage = 'Subject: hello\n\nHello.\n';

export function remoteHost(
  control: Readonly<Record<string, string>>,
  context: Partial<RemoteContext> & { readonly dns?: string } = {},
): RemoteHost {
  const root = newRoot('vqmail-remote');
  const layout = new Layout({ root });
  let log = '';
  const write = (files: Readonly<Record<string, string>>): void => {
    for (const [name, text] of Object.entries(files)) put(layout.control(name), { text });
  };
  write({ me: 'mail.example.gr.jp\n', ...control });
  mkdirSync(path.dirname(layout.tcpto), { recursive: true });
  writeFileSync(layout.tcpto, Buffer.alloc(1024));
  const { dns, ...given } = context;
  const whole: RemoteContext = {
    layout,
    log: lineLog((line) => {
      log += line;
    }),
    names: dns === undefined ? noNames : dnsNames([dns]),
    ...given,
  };
  let messages = 0;
  return {
    root,
    layout,
    context: whole,
    log: () => log,
    control: write,
    channel: () => createRemoteChannel(whole),
    async send({ sender = 'a@b.example', recipients, message = aMessage }, channel) {
      const file = path.join(root, `message-${messages++}`);
      const bytes = Buffer.isBuffer(message) ? message : Buffer.from(message, 'latin1');
      writeFileSync(file, bytes);
      const used = channel ?? createRemoteChannel(whole);
      const reports: DeliveryReport[] = [];
      const queued = { id: '1', path: file, sizeBytes: bytes.length, birthSeconds: 0 };
      await used.deliver({ message: queued, sender, recipients }, (index, report) => {
        if (reports[index] !== undefined) throw new Error(`told twice: ${index}`);
        reports[index] = report;
      });
      if (channel === undefined) await used.close();
      return reports;
    },
    remove: () => removeRoot(root),
  };
}

/** No DNS at all, as on the recorded host. */
const noNames = {
  exchangers: async () => ({ kind: 'later' as const }),
  addresses: async () => ({ kind: 'later' as const }),
};
