// One QMQP connection: the message goes on to the queue as it comes in, the envelope behind it decides, one answer ends it.

import type { Socket } from 'node:net';
import { describe, PermanentError, TemporaryError } from '../../errors.js';
import type { Log } from '../../log.js';
import { smtpReceivedLine } from '../../mail/received.js';
import { encodeNetstring } from '../../protocols/netstring.js';
import { QmqpDecoder, QmqpError, qmqpAccepted, qmqpBadAddresses } from '../../protocols/qmqp.js';
import type { EnqueueingMessage, Enqueuer } from '../../queue/enqueue/enqueuer.js';
import { queueError } from '../../queue/enqueue/exit-codes.js';
import type { Host } from '../../stores/host.js';

export interface QmqpLimits {
  readonly messageMs: number;
  readonly idleMs: number;
}

export interface QmqpClient {
  /** For the log. */
  readonly shown: string;
  /** Of a client of this machine; undefined: it came over the network. */
  readonly uid: number | undefined;
  readonly remoteIp: string;
  readonly remoteHost: string | undefined;
  readonly remoteInfo?: string | undefined;
  readonly local: string;
  /** Of the access rule. */
  readonly environment: ReadonlyMap<string, string>;
}

export interface QmqpSessionContext {
  readonly host: Pick<Host, 'layout'>;
  readonly log: Log;
  readonly queue: () => Enqueuer | undefined;
  readonly program: (path: string, environment: Readonly<Record<string, string>>) => Enqueuer;
  readonly limits: QmqpLimits;
}

const lingerMs = 5000;

/** Receives the message of a connection and answers. Does not throw. */
export async function receiveMessage(socket: Socket, client: QmqpClient, context: QmqpSessionContext): Promise<void> {
  const { log, limits } = context;
  const late = (): void => void socket.destroy();
  const timer = setTimeout(late, limits.messageMs);
  socket.setTimeout(limits.idleMs, late);
  try {
    const answer = await take(socket, client, context);
    if (answer !== undefined) socket.end(encodeNetstring(answer));
  } catch (error) {
    if (error instanceof QmqpError) log.warning(`qmqp: a broken request of ${client.shown}: ${error.message}`);
    else log.alert(`qmqp: ${error instanceof Error ? error.stack : String(error)}`);
    socket.destroy();
  } finally {
    clearTimeout(timer);
    // What is still sent is thrown away, so that the answer is not lost in a reset.
    socket.resume();
    socket.setTimeout(lingerMs, late);
  }
}

/** @returns the answer; undefined when the client left. @throws QmqpError */
async function take(socket: Socket, client: QmqpClient, context: QmqpSessionContext): Promise<string | undefined> {
  const decoder = new QmqpDecoder();
  let message: EnqueueingMessage | undefined;
  let sizeBytes = 0;
  let isOver = false;
  try {
    for await (const chunk of chunksOf(socket)) {
      for (const event of decoder.decode(chunk)) {
        message ??= await begin(client, context);
        if (event.kind === 'message') {
          sizeBytes += event.bytes.length;
          await message.write(event.bytes);
          continue;
        }
        isOver = !event.isAddressBad;
        const about = `bytes ${sizeBytes} from <${event.sender}> recipients ${event.recipients.length} client ${client.shown}`;
        const answer = event.isAddressBad ? qmqpBadAddresses : await commit(message, event, context.log, about);
        context.log.info(`qmqp: ${answer.startsWith('K') ? 'accepted' : 'refused'} ${about}: ${answer}`);
        return answer;
      }
    }
    return undefined;
  } finally {
    if (!isOver) await message?.abort();
  }
}

/** The bytes as they come. The socket is left open when nobody wants more. */
async function* chunksOf(socket: Socket): AsyncGenerator<Buffer> {
  const chunks = socket.iterator({ destroyOnReturn: false });
  try {
    for await (const chunk of chunks) yield chunk as Buffer;
  } catch (error) {
    if (!socket.destroyed) throw error;
  }
}

async function begin(client: QmqpClient, context: QmqpSessionContext): Promise<EnqueueingMessage> {
  const { uid, remoteIp, remoteHost = 'unknown', remoteInfo, local } = client;
  const invokedBy = uid === undefined ? 'network' : { uid };
  const message = wayFor(client, context).begin({ invokedBy });
  const unixSeconds = Math.floor(Date.now() / 1000);
  const line = smtpReceivedLine({ remoteHost, remoteInfo, remoteIp, local, protocol: 'QMQP', unixSeconds });
  await message.write(Buffer.from(line, 'latin1'));
  return message;
}

function wayFor({ environment }: QmqpClient, { host, queue, program }: QmqpSessionContext): Enqueuer {
  const path = environment.get('QMAILQUEUE');
  if (path === undefined || path === '') return queue() ?? noQueue;
  const inherited = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]],
  );
  const disk = path.startsWith('/') ? host.layout.disk(path) : path;
  return program(host.layout.qmailProgram(disk), {
    ...Object.fromEntries(inherited),
    ...Object.fromEntries(environment),
  });
}

const noQueue: Enqueuer = {
  begin: () => ({ write() {}, commit: () => Promise.reject(queueError(62)), abort: async () => {} }),
};

async function commit(
  message: EnqueueingMessage,
  envelope: { readonly sender: string; readonly recipients: readonly string[] },
  log: Log,
  about: string,
): Promise<string> {
  try {
    return qmqpAccepted(Math.floor(Date.now() / 1000), await message.commit(envelope));
  } catch (error) {
    if (error instanceof PermanentError) return `D${error.message}`;
    log.warning(`qmqp: message ${about}: ${describe(error)}`);
    return error instanceof TemporaryError ? `Z${error.message}` : 'Zqq temporary problem (#4.3.0)';
  }
}
