// Where the queue's deliveries go: to hosts of the world, and to users of this host.
//
//   this process is        Maildirs alone are written by                   anything else by
//   root, supervised       the agent of the owner's uid, where users/cdb   qmail-local in a process that has become the owner
//                          names the owner, and alias's; else as anything else
//   root, on its own       as anything else                                the same
//   an ordinary user       this process                                    qmail-local in a process of this user
//
// Programs inherit what qmail-start would give them: this process's environment, with qmail's bin/ in front of PATH.

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLocalChannel, type LocalChannelContext } from '../../delivery/local/channel.js';
import { type ForwardRequest, LocalProcesses } from '../../delivery/local/processes.js';
import { createDelivery } from '../../delivery/local-delivery.js';
import { createRemoteChannel } from '../../delivery/remote/channel.js';
import { StsPolicies } from '../../delivery/remote/tls/mta-sts.js';
import { mailauthPolicies } from '../../delivery/remote/tls/mta-sts-source.js';
import type { DeliveryChannel } from '../../delivery/report.js';
import { Resolver } from '../../delivery/resolution/resolve.js';
import { spawning } from '../../delivery/spawner.js';
import { PermanentError, TemporaryError } from '../../errors.js';
import { bytesPath, readIfPresent } from '../../files/read.js';
import type { Layout } from '../../layout.js';
import type { Log } from '../../log.js';
import { type Enqueuer, enqueueWhole } from '../../queue/enqueue/enqueuer.js';
import { queueError } from '../../queue/enqueue/exit-codes.js';
import { invokerOf } from '../../queue/enqueue/invokers.js';
import type { ChannelName } from '../../queue/tree.js';
import type { Settings } from '../../settings.js';
import type { Host } from '../../stores/host.js';
import type { Agents } from '../agents/agents.js';
import { deliveryByOwner } from '../agents/by-owner.js';
import type { Ids } from '../ownership.js';

export interface ChannelContext {
  readonly host: Host;
  readonly settings: Settings;
  readonly log: Log;
  /** Where a delivery puts what it sends on. */
  readonly enqueuer: Enqueuer;
  /** The uid whose messages are delivered; undefined: anybody's. */
  readonly messageOwner: number | undefined;
  /** The processes of other uids; undefined where there is no supervisor. */
  readonly agents: Agents | undefined;
}

export interface OpenChannels {
  readonly channels: Readonly<Record<ChannelName, DeliveryChannel>>;
  /** Ends local deliveries that still run, with their programs: who gives the queue up must leave nothing that delivers from it. */
  end(): void;
}

/** Both channels of a host. */
export function openChannels(context: ChannelContext): OpenChannels {
  const { host, log, messageOwner } = context;
  const processes = localProcesses(context);
  const stsPolicies = new StsPolicies(mailauthPolicies(log));
  const remote = createRemoteChannel({ layout: host.layout, log, stsPolicies });
  return {
    channels: {
      local: spawning(localChannel(context, processes), messageOwner),
      remote: spawning(remote, messageOwner),
    },
    end() {
      processes.end();
    },
  };
}

function localChannel(context: ChannelContext, processes: LocalProcesses): DeliveryChannel {
  const { host, settings, log } = context;
  return createLocalChannel({
    resolver: new Resolver(host, settings),
    deliveryFor: writers(context),
    run: (task) => processes.run(task),
    defaultDelivery: () => defaultDelivery(host, settings),
    log,
  });
}

const isRoot = (): boolean => process.geteuid?.() === 0;

function writers({ host, settings, agents }: ChannelContext): LocalChannelContext['deliveryFor'] {
  const here = createDelivery(host, settings);
  if (!isRoot()) return () => here;
  if (agents === undefined) return () => undefined;
  const there = deliveryByOwner(here, agents);
  return ({ isSystemUser, owner }) => (isSystemUser || owner.uid === 0 || owner.gid === 0 ? undefined : there);
}

function localProcesses({ host, enqueuer }: ChannelContext): LocalProcesses {
  const { layout, accounts } = host;
  const mayChangeUser = isRoot();
  const own = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  return new LocalProcesses({
    command: [
      process.execPath,
      ...process.execArgv,
      vqmailProgram(),
      ...placeOf(layout),
      'qmail-local',
      '--deliveries',
    ],
    environment: inherited(layout),
    mayChangeUser,
    async forward(request) {
      const { uid, gid }: Ids = mayChangeUser ? request.task.owner : own;
      try {
        return await enqueueWhole(enqueuer, { invokedBy: invokerOf(uid, accounts), gid }, request, forwarded(request));
      } catch (error) {
        throw error instanceof PermanentError || error instanceof TemporaryError
          ? error
          : queueError(readError, '', error);
      }
    },
  });
}

/** qmail-queue's exit code for a message that cannot be read. */
const readError = 54;

async function* forwarded({ head, from, task }: ForwardRequest): AsyncGenerator<Buffer> {
  yield head;
  yield* fs.createReadStream(bytesPath(task.message.path), { start: from, highWaterMark: 64 * 1024 });
}

/** The file that has all tools, where it was built; from the sources their entry. */
function vqmailProgram(): string {
  const own = fileURLToPath(import.meta.url);
  return path.resolve(path.dirname(own), `../../cli/vqmail${own.endsWith('.ts') ? '.ts' : '.cjs'}`);
}

/** Where the host is, as arguments. */
function placeOf({ root, qmail, vpopmail, tcp }: Layout): string[] {
  return ['--root', root, '--qmail-dir', qmail, '--vpopmail-dir', vpopmail, '--tcp-dir', tcp];
}

/** What the supervisor sets for its own processes. */
const internal: ReadonlySet<string> = new Set(['UV_THREADPOOL_SIZE', 'UV_USE_IO_URING', 'VQMAIL_LOG_FORMAT']);

function inherited(layout: Layout): Record<string, string> {
  const variables = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined || internal.has(name) ? [] : [[name, value] as const],
  );
  const environment = Object.fromEntries(variables);
  const bin = layout.qmailProgram('bin');
  const places = (environment.PATH ?? '/usr/local/bin:/usr/bin:/bin').split(':');
  if (!places.includes(bin)) environment.PATH = [bin, ...places].join(':');
  // So that tools of ours in .qmail lines find the same host.
  if (layout.root !== '/') environment.VQMAIL_ROOT = layout.root;
  return environment;
}

/** qmail-start's argument, as the start script would have it from control/defaultdelivery. @throws TemporaryError when that cannot be read */
function defaultDelivery({ layout }: Host, { defaultDelivery: set }: Settings): string {
  return set ?? readIfPresent(layout.control('defaultdelivery'))?.toString('latin1') ?? './Mailbox';
}
