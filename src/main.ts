// The daemon: settings, listeners, processes, signals.
//
//   SIGTERM, SIGINT   no new sessions; those that run end, at the latest after the drain time; exit 0. A second one: at once, exit 1
//   SIGHUP            qmail-send reads locals and virtualdomains again, and so does the queue. All others read every file anew when it is asked for, so the controls are only
//                     tried, and trouble is told
//   SIGALRM           everything in the queue is due now
//
// As root with workers the sessions run in children (processes/supervisor.ts); otherwise this process does everything with the uid that it has.

import { ConfigurationError, describe } from './errors.js';
import { SystemAccounts } from './files/accounts.js';
import { ucspiAddress } from './formats/ucspi-address.js';
import { Layout } from './layout.js';
import { type Log, outliveLogReader } from './log.js';
import { formatListenAddress, type ListenAddress, openListeners } from './net/listener.js';
import { bindListeners } from './net/shared-listener.js';
import type { SocketAccess, SocketOwner } from './net/unix-socket.js';
import { CertificateCare } from './processes/certificates/care.js';
import { LoginKeeper } from './processes/login/keeper.js';
import { checkRehash } from './processes/login/rehash.js';
import { checkOpenFiles } from './processes/open-files.js';
import { PlaceKeeper } from './processes/places/keeper.js';
import { openQueue, type QueueService } from './processes/queue/service.js';
import { KeptRates } from './processes/rates/kept-rates.js';
import { Reception } from './processes/reception.js';
import { startService } from './processes/service.js';
import { Supervisor } from './processes/supervisor.js';
import type { Watching } from './processes/watcher/watching.js';
import type { ServedAddress, Settings } from './settings.js';
import { type Host, openHost } from './stores/host.js';
import type { Recheck } from './watch/recheck.js';

export interface Daemon {
  /** Each listener as `smtp=127.0.0.1:25`. */
  readonly listening: readonly string[];
  /** Looks whether the controls can be read, and logs it. */
  tryControls(): void;
  /** Has everything tried that waits in the queue. */
  runQueue(): void;
  /** Ends it in an orderly way; resolves when everything is over. */
  stop(): Promise<void>;
  /** Ends what other processes do for it, at once. */
  kill(): void;
}

/** Who has the sessions: this process or its children. */
interface Sessions {
  readonly listeners: readonly { readonly address: ListenAddress; close(): void }[];
  /** Is told of the listeners when everything else is there; resolves when all accept. */
  listen(addresses: readonly ServedAddress[]): Promise<void>;
  /** Takes up the queue, or not. @throws when it cannot be what was asked for */
  startQueue(): Promise<void>;
  /** What SIGHUP or SIGALRM means to qmail-send. */
  tellQueue(what: 'reread' | 'run-queue'): void;
  /** Begins to watch the host. */
  watch(controlsChanged: () => void): void;
  drain(ms: number): Promise<void>;
  kill(): void;
}

/** Starts serving. @throws ConfigurationError when an address cannot be had or the host has no mail users */
export async function startDaemon(settings: Settings, log: Log): Promise<Daemon> {
  outliveLogReader();
  const host = openHost(new Layout(settings.layout), log);
  checkOpenFiles(settings, log);
  await checkRehash(settings);
  const places = new PlaceKeeper({
    limits: settings.limits,
    sessionsPerUser: settings.submission.sessionsPerUser,
    log,
    isExempt: (protocol, address) => !/^(?:pop3|imap)/.test(protocol) && mayRelay(host, address),
  });
  const open = settings.workers > 0 ? inChildren : inThisProcess;
  const sessions = await open(settings, host, log, places);
  const { listeners } = sessions;
  const giveUp = async (error: unknown): Promise<never> => {
    for (const listener of listeners) listener.close();
    await sessions.drain(0);
    throw error;
  };
  // Only now: a daemon that cannot start delivers nothing.
  await sessions.startQueue().catch(giveUp);
  const care = new CertificateCare({ settings, layout: host.layout, log });
  await care.begin();
  await sessions.listen(listeners.map(({ address }) => address as ServedAddress)).catch(giveUp);
  tellOfMissingName(host, log);
  const reread = (why: string): boolean => {
    void care.look();
    sessions.tellQueue('reread');
    return tryControls(host, log, why);
  };
  if (settings.watch !== 'off') sessions.watch(() => reread('a control file changed'));
  return {
    listening: listeners.map(({ address }) => formatListenAddress(address)),
    tryControls() {
      if (reread('SIGHUP')) log.info('SIGHUP: controls are read anew at every look-up, and can be');
    },
    runQueue: () => sessions.tellQueue('run-queue'),
    stop() {
      care.stop();
      for (const listener of listeners) listener.close();
      return sessions.drain(settings.drainMs);
    },
    kill: () => sessions.kill(),
  };
}

async function inThisProcess(settings: Settings, host: Host, log: Log, places: PlaceKeeper): Promise<Sessions> {
  process.title = 'vqmail: serve';
  let queue: QueueService | undefined;
  const logins = new LoginKeeper(settings, host, log);
  logins.start();
  const rates = new KeptRates(settings.submission, host.layout.sentNumbers, log);
  const service = startService(settings, log, {
    queue: () => queue?.enqueuer,
    logins,
    rates: rates.keeper,
  });
  let watching: Promise<Watching> | undefined;
  const defect = (error: unknown): void => {
    log.alert(`a defect, please report it: ${error instanceof Error ? error.stack : String(error)}`);
  };
  // One broken session must not end the others, and there is no supervisor to start this process again.
  process.on('uncaughtException', defect).on('unhandledRejection', defect);
  const drain = async (ms: number): Promise<void> => {
    const watched = watching?.then((watch) => watch.close(ms));
    const sessions = service.drain(ms);
    const given = queue?.stop(ms, sessions);
    await sessions;
    await rates.close();
    await watched;
    await given;
  };
  const reception = new Reception({ places, begin: service.handle, log });
  const listeners = await openListeners(settings.listen, reception, { ownerOf }).catch(async (error: unknown) => {
    await drain(0);
    throw error;
  });
  return {
    listeners,
    listen: async (addresses) => service.listening(addresses),
    async startQueue() {
      queue = await openQueue(settings, log);
    },
    tellQueue: (what) => (what === 'reread' ? queue?.reread() : queue?.runAll()),
    watch(controlsChanged) {
      const recheck = (which: Recheck): void => {
        logins.accountsChanged();
        service.sessions.recheck(which);
      };
      watching = import('./processes/watcher/watching.js').then(({ watchHere }) =>
        watchHere(settings, { log, recheck, controlsChanged }),
      );
    },
    drain,
    kill() {},
  };
}

async function inChildren(settings: Settings, host: Host, log: Log, places: PlaceKeeper): Promise<Sessions> {
  process.title = 'vqmail: supervisor';
  const listeners = await bindListeners(settings.listen, { ownerOf });
  let supervisor: Supervisor | undefined;
  try {
    const descriptors = listeners.map(({ descriptor }) => descriptor);
    supervisor = new Supervisor(settings, host, log, { descriptors, places });
    await supervisor.start();
  } catch (error) {
    supervisor?.kill();
    for (const listener of listeners) listener.close();
    throw error;
  }
  return {
    listeners,
    listen: (addresses) => supervisor.listen(addresses),
    startQueue: () => supervisor.startQueue(),
    tellQueue: (what) => supervisor.tellQueue(what),
    watch: (controlsChanged) => supervisor.watch(controlsChanged),
    drain: (ms) => supervisor.drain(ms),
    kill: () => supervisor.kill(),
  };
}

/** The owner of a unix socket by name: of this machine, whose Postfix opens it, even where the host's tree has accounts of its own. */
function ownerOf({ user, group }: SocketAccess): SocketOwner {
  const accounts = new SystemAccounts(new Layout());
  const uid = user === undefined ? undefined : accounts.user(user)?.uid;
  const gid = group === undefined ? undefined : accounts.group(group)?.gid;
  if (user !== undefined && uid === undefined)
    throw new ConfigurationError('--listen', undefined, `this machine has no user ${user}`);
  if (group !== undefined && gid === undefined)
    throw new ConfigurationError('--listen', undefined, `this machine has no group ${group}`);
  return { uid, gid };
}

/** A client that may relay is a front end of this host's own, and may have as many connections as it likes. */
function mayRelay(host: Host, address: string): boolean {
  try {
    return host.accessRules.decide({ ip: ucspiAddress(address) }).environment.has('RELAYCLIENT');
  } catch {
    return false;
  }
}

/** Without a name for its greeting the host takes no mail, and nobody would hear of it before the first client. */
function tellOfMissingName(host: Host, log: Log): void {
  try {
    if (host.control.smtpGreeting() !== undefined) return;
    const me = host.layout.host(host.layout.control('me'));
    log.alert(`${me} is missing: SMTP clients are answered 421; write this host's name into it`);
  } catch (error) {
    log.alert(`unable to read controls: ${describe(error)}`);
  }
}

/** What qmail-send does at SIGHUP. @returns whether the controls can be read */
function tryControls(host: Host, log: Log, why: string): boolean {
  try {
    host.control.rewriting();
    return true;
  } catch (error) {
    log.alert(`${why}: unable to reread controls: ${describe(error)}`);
    return false;
  }
}

/** Runs until a signal ends the daemon. @returns the exit status */
export function untilSignal(daemon: Daemon, log: Log): Promise<number> {
  return new Promise((resolve) => {
    let isEnding = false;
    const end = (signal: string): void => {
      if (isEnding) {
        daemon.kill();
        resolve(1);
        return;
      }
      isEnding = true;
      log.info(`${signal}: no new sessions, ending those that run`);
      daemon.stop().then(
        () => resolve(0),
        (error: unknown) => {
          log.alert(describe(error));
          resolve(1);
        },
      );
    };
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end(signal));
    process.on('SIGHUP', () => daemon.tryControls());
    process.on('SIGALRM', () => daemon.runQueue());
  });
}
