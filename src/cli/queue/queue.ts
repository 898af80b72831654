// `vqmail queue list|show|retry|hold|release|drop|bounce`: looks at the queue and gives orders about its messages, whoever works on it: `vqmail serve`, a qmail-send, or nobody.
//
// Exit 0; 100 for a wrong command line or a message that is not there; 111 when something could not be done now.

import { Command } from 'commander';
import { PermanentError, TemporaryError } from '../../errors.js';
import { QueueFiles } from '../../queue/files.js';
import { countQueue, type ListedMessage, listQueue, readMessage } from '../../queue/listing.js';
import { qmailSends } from '../../queue/orders/beside.js';
import { type OrderName, type OrderResult, orderNames } from '../../queue/orders/order.js';
import { type ChannelName, QueueTree } from '../../queue/tree.js';
import { openHost } from '../../stores/host.js';
import { parseCommandLine } from '../command-line.js';
import type { ToolIo } from '../tool-io.js';
import { askOwnQueue, giveOrders, type QueueAccess } from './manage/carry-out.js';
import { messageData, messageText, type NextTries, readable } from './manage/printing.js';
import { type Selection, type SelectionOptions, selectionOf } from './manage/selection.js';
import { totalLines } from './qmail-qstat.js';

interface Options extends SelectionOptions {
  readonly json?: boolean;
}

const usage = `usage: vqmail queue list|show|${orderNames.join('|')} [ID...] [--to ADDRESS] [--from ADDRESS] [--older AGE] [--held] [--all] [--json]`;

const past: Readonly<Record<OrderName, string>> = {
  retry: 'is due now',
  hold: 'is held',
  release: 'is not held',
  drop: 'is gone',
  bounce: 'is returned to its sender',
};
const problems: Readonly<Record<Exclude<OrderResult, 'done'>, string>> = {
  unknown: 'is not there',
  busy: 'is being delivered at this moment; try again',
  failed: 'could not be changed',
};

/** @throws PermanentError for arguments, TemporaryError when the queue cannot be read */
export async function queue(args: string[], io: ToolIo): Promise<number> {
  const [name, ...rest] = args;
  const command = new Command(`vqmail queue ${name ?? ''}`.trimEnd())
    .argument('[id...]', 'numbers of messages')
    .option('--to <address>', 'to a recipient that is left; * stands for anything, @DOMAIN for everybody there')
    .option('--from <address>', 'from this envelope sender, likewise; <> for none')
    .option('--older <age>', 'queued so long ago, such as 45m, 36h, 2d')
    .option('--held', 'held back')
    .option('--all', 'all messages')
    .option('--json', 'as JSON');
  if (name === '--help' || name === 'help' || name === undefined) {
    io.stdout(`${usage}\n`);
    return name === undefined ? 100 : 0;
  }
  const options = parseCommandLine<Options>(command, rest, io);
  if (options === undefined) return 0;
  const access = await openQueue(io);
  const { host } = access;
  const virtualDomains = host.control.virtualDomains();
  const selection = selectionOf(command.args, options, virtualDomains, Math.floor(Date.now() / 1000));
  if (name === 'list') return list(access, selection, options, io);
  if (name === 'show') return show(access, selection, options, io);
  const order = orderNames.find((known) => known === name);
  if (order === undefined) throw new PermanentError('5.5.4', usage);
  return carryOut(access, order, selection, options, io);
}

async function openQueue(io: ToolIo): Promise<QueueAccess> {
  const files = new QueueFiles();
  const tree = await QueueTree.open(io.layout, files);
  if (tree === undefined)
    throw new TemporaryError('4.3.5', `queue: there is no queue in ${io.layout.host(io.layout.queue)}`);
  return { host: openHost(io.layout), tree, files };
}

async function list(access: QueueAccess, selection: Selection, { json }: Options, io: ToolIo): Promise<number> {
  const { tree, files } = access;
  const nextOf = await nextTries(access);
  if (json) io.stdout('{"messages":[');
  let told = 0;
  for await (const message of selected(access, selection)) {
    const next = nextOf(message);
    if (json) io.stdout(Buffer.from(`${told === 0 ? '\n' : ',\n'}${JSON.stringify(messageData(message, next))}`));
    else io.stdout(messageText(message, next));
    told++;
    await io.flushed();
  }
  const totals = await countQueue(tree, files);
  io.stdout(json ? `\n],"totals":${JSON.stringify(totals)}}\n` : totalLines(totals));
  return 0;
}

async function show(access: QueueAccess, { ids }: Selection, { json }: Options, io: ToolIo): Promise<number> {
  const { tree, files } = access;
  if (ids.size === 0) throw new PermanentError('5.5.4', 'queue: show needs the number of a message');
  const nextOf = await nextTries(access);
  for (const id of ids) {
    const message = readMessage(tree, files, id);
    if (message === undefined) throw new PermanentError('5.1.1', `queue: message ${id} is not there`);
    const failures = files.read(tree.bounce(id))?.toString('latin1');
    if (json) {
      const data = {
        ...messageData(message, nextOf(message)),
        ...(failures !== undefined && { failures: readable(failures) }),
      };
      io.stdout(Buffer.from(`${JSON.stringify(data)}\n`));
      continue;
    }
    io.stdout(messageText(message, nextOf(message)));
    if (failures !== undefined) io.stdout(`\n${failures.trimEnd()}\n`);
    io.stdout('\n');
    for await (const piece of files.chunks(tree.mess(id))) {
      io.stdout(piece);
      await io.flushed();
    }
  }
  return 0;
}

/** When a message is tried next: whoever works on the queue knows, which a qmail-send cannot be asked; else its files do. */
async function nextTries(access: QueueAccess): Promise<(message: ListedMessage) => NextTries | undefined> {
  const answer = await askOwnQueue(access, { order: 'times' });
  if (answer === undefined) return qmailSends(access.tree).length > 0 ? () => undefined : ({ times }) => times;
  const { times = {} } = answer;
  return ({ id }) => new Map(Object.entries(times[id] ?? {}) as [ChannelName, number][]);
}

async function* selected({ tree, files }: QueueAccess, selection: Selection): AsyncGenerator<ListedMessage> {
  if (selection.ids.size > 0) {
    for (const id of selection.ids) {
      const message = readMessage(tree, files, id);
      if (message !== undefined && selection.matches(message)) yield message;
    }
    return;
  }
  for await (const message of listQueue(tree, files)) if (selection.matches(message)) yield message;
}

async function carryOut(
  access: QueueAccess,
  order: OrderName,
  selection: Selection,
  { json }: Options,
  io: ToolIo,
): Promise<number> {
  if (!selection.isAny)
    throw new PermanentError('5.5.4', `queue: ${order} what? Give numbers, --to, --from, --older, --held or --all`);
  const ids = new Set<string>();
  for await (const { id } of selected(access, selection)) ids.add(id);
  const missing = [...selection.ids].filter((id) => !ids.has(id));
  const results = new Map<string, OrderResult>(ids.size === 0 ? [] : await giveOrders(access, order, [...ids]));
  // What does not fit the other options is none of the messages that were meant.
  for (const id of missing) results.set(id, 'unknown');
  if (json) io.stdout(`${JSON.stringify({ order, results: Object.fromEntries(results) })}\n`);
  else for (const [id, result] of results) io.stdout(`#${id} ${result === 'done' ? past[order] : problems[result]}\n`);
  const all = [...results.values()];
  if (all.some((result) => result === 'busy' || result === 'failed')) return 111;
  return all.includes('unknown') ? 100 : 0;
}
