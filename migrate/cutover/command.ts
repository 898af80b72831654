// `vqmail migrate cutover PROTOCOL...` moves protocols from the old services to ours, `vqmail migrate rollback PROTOCOL...` back again. Both show what they would do; --yes does it.
//
// Exit 0 when it was shown or done; 1 when the comparison beforehand found a difference, or it was moved and has gone back; 100 for arguments and for what is to be done by hand; 111 when it
// is neither here nor there: to be repeated.

import { Command } from 'commander';
import { parseCommandLine } from '../../src/cli/command-line.js';
import type { ToolIo } from '../../src/cli/tool-io.js';
import { PermanentError, TemporaryError } from '../../src/errors.js';
import { type CheckOptions, collected, withCheckOptions } from '../shadow/command.js';
import { actText } from './acts.js';
import { type Check, checkOf } from './check.js';
import { cutOver, type MoveContext, rollBack } from './move.js';
import { type MovedProtocol, movedProtocols, type PlanOptions, planOf } from './plan.js';
import { isSameMove, lockMoves, type Move, readMoves } from './state.js';

interface Options extends CheckOptions {
  readonly yes?: boolean;
  readonly wait: string;
}

interface CutoverOptions extends Options {
  readonly beside?: readonly string[];
  readonly check: boolean;
  readonly listen?: readonly string[];
  readonly for?: string;
}

/** @throws PermanentError, TemporaryError, CorruptFileError */
export async function cutover(args: string[], io: ToolIo): Promise<number> {
  const [own, serve] = split(args);
  const command = withCheckOptions(
    common('vqmail migrate cutover', 'moved together')
      .option(
        '--beside <PROTO=HOST:PORT>',
        'where vqmail serves beside; the old server has to answer the same',
        collected,
      )
      .option('--no-check', 'compare nothing')
      .option('--listen <PROTO=ADDRESS:PORT>', 'where ours listens; where the old one does unless given', collected)
      .option(
        '--for <manager>',
        'systemd, daemontools, freebsd: who starts ours; the manager of the old one unless given',
      ),
  );
  const options = parseCommandLine<CutoverOptions>(command, own, io);
  if (options === undefined) return 0;
  const protocols = protocolsOf(command.args);
  const lock = locked(options, io);
  try {
    const before = readMoves(io.layout).find((move) => isSameMove(move.protocols, protocols));
    if (before?.phase === 'moved') return said(`${protocols.join(' ')}: moved already; rollback takes it back`, 0, io);
    if (before?.phase === 'returning')
      throw new PermanentError('5.5.4', `${protocols.join(' ')}: a rollback was begun; repeat it first`);
    const move = before ?? moveOf(protocols, { ...options, serve }, io);
    if (move === undefined) return 100;
    const check = checkOf(move, options, io);
    if (options.yes !== true) return said(planText(move, check), 0, io);
    if (before === undefined && !(await check.before())) return said('nothing was changed', 1, io);
    const isMoved = await cutOver(move, before !== undefined, context(options, io, check.after));
    return isMoved
      ? said(`${protocols.join(' ')}: moved to ${move.own}; rollback takes it back`, 0, io)
      : said(`${protocols.join(' ')}: ${move.old} serves again`, 1, io);
  } finally {
    lock?.release();
  }
}

/** @throws PermanentError, TemporaryError, CorruptFileError */
export async function rollback(args: string[], io: ToolIo): Promise<number> {
  const command = common('vqmail migrate rollback', 'as they were moved');
  const options = parseCommandLine<Options>(command, args, io);
  if (options === undefined) return 0;
  const protocols = protocolsOf(command.args);
  const lock = locked(options, io);
  try {
    const move = readMoves(io.layout).find((each) => isSameMove(each.protocols, protocols));
    if (move === undefined)
      throw new PermanentError('5.5.4', `${protocols.join(' ')}: was not moved by migrate cutover`);
    if (options.yes !== true)
      return said(
        stepsText(`rollback ${protocols.join(' ')}: from ${move.own} to ${move.old}`, [
          ...move.stopOwn.map(actText),
          'wait until nobody holds the place',
          ...move.startOld.map(actText),
          'wait until it is served',
        ]),
        0,
        io,
      );
    await rollBack(
      move,
      context(options, io, async () => {}),
    );
    return said(`${protocols.join(' ')}: ${move.old} serves again`, 0, io);
  } finally {
    lock?.release();
  }
}

function common(name: string, about: string): Command {
  return new Command(name)
    .argument('<protocol...>', `${movedProtocols.join(', ')}: ${about}`)
    .option('--yes', 'do it; without, it is shown')
    .option('--wait <seconds>', 'how long for a port or the queue', '60');
}

/** Options of serve stand behind `--`. */
function split(args: readonly string[]): [string[], string[]] {
  const at = args.indexOf('--');
  return at < 0 ? [[...args], []] : [args.slice(0, at), args.slice(at + 1)];
}

function protocolsOf(names: readonly string[]): MovedProtocol[] {
  const found = names.map((name) => {
    const known = movedProtocols.find((protocol) => protocol === name);
    if (known === undefined)
      throw new PermanentError('5.5.4', `migrate: ${name} is none of ${movedProtocols.join(', ')}`);
    return known;
  });
  if (found.includes('queue') && found.length > 1)
    throw new PermanentError('5.5.4', 'migrate: the queue moves by itself');
  return found;
}

function locked({ yes }: Options, { layout }: ToolIo): { release(): void } | undefined {
  if (yes !== true) return undefined;
  const lock = lockMoves(layout);
  if (lock === undefined) throw new TemporaryError('4.3.0', 'another cutover or rollback is at work');
  return lock;
}

function moveOf(
  protocols: readonly MovedProtocol[],
  options: CutoverOptions & { serve: readonly string[] },
  io: ToolIo,
): Move | undefined {
  const manager = (['systemd', 'daemontools', 'freebsd'] as const).find((name) => name === options.for);
  if (options.for !== undefined && manager === undefined)
    throw new PermanentError('5.5.4', 'migrate cutover: --for is systemd, daemontools or freebsd');
  const planOptions: PlanOptions = { listen: options.listen ?? [], serve: options.serve, manager };
  const plan = planOf(io.layout, protocols, planOptions);
  if ('move' in plan) return plan.move;
  said(stepsText(plan.why, plan.commands), 100, io);
  return undefined;
}

function context({ wait }: Options, io: ToolIo, check: () => Promise<void>): MoveContext {
  if (!/^[1-9][0-9]{0,4}$/.test(wait)) throw new PermanentError('5.5.4', `--wait ${wait}: seconds are needed`);
  return { layout: io.layout, patienceMs: 1000 * Number(wait), tell: (line) => io.stdout(`${line}\n`), check };
}

function planText(move: Move, { text }: Check): string {
  const compare =
    text === undefined
      ? []
      : [`compare ${text} at ${move.places.join(' ')} with vqmail beside; end here if they differ`];
  const again = text === undefined ? [] : ['compare again; go back if they differ'];
  const isQueue = move.protocols.includes('queue');
  return stepsText(`cutover ${move.protocols.join(' ')}: from ${move.old} to ${move.own}`, [
    ...compare,
    ...move.prepareOwn.map(actText),
    ...move.stopOld.map(actText),
    isQueue
      ? 'wait until the queue is let go; its messages stay where they are'
      : `wait until nobody holds ${move.places.join(' ')}`,
    ...move.startOwn.map(actText),
    isQueue
      ? 'wait until the queue is taken up; go back if it is not'
      : `wait until ${move.places.join(' ')} is served; go back if it is not`,
    ...again,
  ]);
}

function stepsText(title: string, steps: readonly string[]): string {
  return [title, ...steps.map((step, index) => `  ${index + 1}. ${step}`)].join('\n');
}

function said(text: string, exit: number, io: ToolIo): number {
  io.stdout(`${text}\n`);
  return exit;
}
