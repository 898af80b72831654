// qmail-smtpd: one SMTP session on descriptors 0 and 1, as tcpserver and `sendmail -bs` run it (formats/qmail.md 2). The environment tells who the client is. As the original it looks no
// recipient up: everything goes into the queue, which this user may not read.

import { once } from 'node:events';
import type { Delivery, IncomingMessage } from '../../delivery/accept.js';
import { standardErrorLog as log } from '../../log.js';
import { isOwnAddress } from '../../net/own-addresses.js';
import type { Enqueuer } from '../../queue/enqueue/enqueuer.js';
import { describeClient } from '../../servers/smtp/client.js';
import { openDialog, SessionEnd } from '../../servers/smtp/dialog.js';
import { defaultLimits } from '../../servers/smtp/limits.js';
import { Probes } from '../../servers/smtp/probes.js';
import { SmtpSession } from '../../servers/smtp/session.js';
import { openHost } from '../../stores/host.js';
import { inputPieces, type ToolIo } from '../tool-io.js';
import { toolQueue } from './own-queue.js';

/** The tool. @returns its exit code: 0 after QUIT, else 1 */
export async function qmailSmtpd(_args: string[], io: ToolIo): Promise<number> {
  const { env } = io;
  const host = openHost(io.layout);
  const environment = new Map(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  );
  // It names the way into the queue here (own-queue), and needs no second look.
  environment.delete('QMAILQUEUE');
  const ip = env.TCPREMOTEIP ?? 'unknown';
  const local = env.TCPLOCALHOST ?? env.TCPLOCALIP ?? 'unknown';
  const client = describeClient(ip, env.TCPREMOTEHOST, environment, local);
  const queue = await toolQueue(io);
  try {
    const dialog = openDialog(
      {
        control: host.control,
        delivery: intoQueue(queue),
        log: { ...log, info() {} },
        limits: { ...defaultLimits, recipientsPerMessage: Number.POSITIVE_INFINITY },
        flavour: 'smtp',
        probes: new Probes(log, 'smtp'),
        // Nobody is believed to speak for others here.
        admit: () => undefined,
        nextMessageNumber: () => process.pid,
        isOwnAddress,
        diskPath: (path) => path,
        qmailPath: (path) => path,
      },
      client,
    );
    const session = new SmtpSession(dialog, (text) => io.stdout(text));
    await converse(session, dialog.timeoutMs, io);
    return dialog.hasQuit ? 0 : 1;
  } catch (error) {
    if (!(error instanceof SessionEnd)) throw error;
    io.stdout(`${error.reply}\r\n`);
    return 1;
  }
}

async function converse(session: SmtpSession, timeoutMs: number, io: ToolIo): Promise<void> {
  session.greet();
  const late = new AbortController();
  let timer = setTimeout(() => late.abort(), timeoutMs);
  const expired = once(late.signal, 'abort').then(() => 'late' as const);
  const input = inputPieces(io)[Symbol.asyncIterator]();
  let line = '';
  while (session.state !== 'over') {
    const next = await Promise.race([input.next(), expired]);
    if (next === 'late') {
      session.expire('timeout');
      break;
    }
    if (next.done) break;
    clearTimeout(timer);
    line = await feed(session, next.value, line);
    await io.flushed();
    timer = setTimeout(() => late.abort(), timeoutMs);
  }
  clearTimeout(timer);
  await session.gone();
}

/** Hands the bytes of a chunk over. @returns the beginning of the next command */
async function feed(session: SmtpSession, chunk: Buffer, before: string): Promise<string> {
  let line = before;
  for (let at = 0; at < chunk.length && session.state !== 'over'; ) {
    if (session.state === 'data') {
      at = await session.data(chunk, at);
      continue;
    }
    const end = chunk.indexOf(0x0a, at);
    line += chunk.toString('latin1', at, end < 0 ? chunk.length : end);
    at = end < 0 ? chunk.length : end + 1;
    if (line.length > defaultLimits.commandLineBytes) session.lineTooLong();
    else if (end >= 0) {
      await session.line(line);
      line = '';
    }
  }
  return line;
}

/** Everything is for the queue. */
function intoQueue(queue: Enqueuer): Delivery {
  return {
    hasQueue: () => true,
    resolve: (recipient) => ({
      recipient,
      outcome: { kind: 'queue', reason: 'remote', code: 451, status: '4.3.5', text: 'no queue (#4.3.5)' },
    }),
    accept({ sender, recipients, submission }) {
      const message = queue.begin({ invokedBy: { uid: process.getuid?.() ?? 0 } });
      void message.write(Buffer.from(submission?.serverLine ?? '', 'latin1'));
      const incoming: IncomingMessage & { queuedAs: number | undefined } = {
        queuedAs: undefined,
        write: (chunk) => message.write(chunk),
        prepare: async () => {},
        abort: () => message.abort(),
        async commit() {
          incoming.queuedAs = await message.commit({
            sender,
            recipients: recipients.map(({ recipient }) => recipient),
          });
        },
      };
      return incoming;
    },
  };
}
