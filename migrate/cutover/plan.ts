// Which service is stopped for a protocol, what starts in its place, and where.

import path from 'node:path';
import { PermanentError } from '../../src/errors.js';
import type { Layout } from '../../src/layout.js';
import { dovecotProtocols } from '../host/dovecot.js';
import { frontEndParts } from '../host/front-ends.js';
import { Looker } from '../host/part.js';
import { Places } from '../host/places.js';
import { type HeldPort, heldPorts, mailPorts } from '../host/ports.js';
import { type Manager, mailServices, type Service } from '../host/services.js';
import { shellWord } from '../service/files.js';
import { layoutOptions, thisProgram } from '../service/program.js';
import { controlOf, filesFor, ownControl } from './control.js';
import { dovecotPart, type FrontEndPart, postfixPart } from './front-end-parts.js';
import type { Move } from './state.js';

export const movedProtocols = ['smtp', 'submission', 'pop3', 'imap', 'queue'] as const;
export type MovedProtocol = (typeof movedProtocols)[number];

/** What else is served for the same clients, and moves along. */
export const family: Readonly<Record<MovedProtocol, readonly string[]>> = {
  smtp: ['smtp'],
  submission: ['submission', 'smtps'],
  pop3: ['pop3', 'pop3s'],
  imap: ['imap', 'imaps'],
  queue: ['queue'],
};

export interface PlanOptions {
  /** Places as of `serve --listen`; none: where the old service listens. */
  readonly listen: readonly string[];
  /** Further options of `serve`. */
  readonly serve: readonly string[];
  /** For whose files, when the old service's manager is not to be ours. */
  readonly manager: 'systemd' | 'daemontools' | 'freebsd' | undefined;
  /** Where proc(5) is. */
  readonly proc?: string;
}

/** A plan, or why there is none and what to type instead. */
export type Plan = { readonly move: Move } | { readonly why: string; readonly commands: readonly string[] };

/** @throws PermanentError for arguments */
export function planOf(layout: Layout, protocols: readonly MovedProtocol[], options: PlanOptions): Plan {
  const looker = new Looker(layout);
  const wanted = new Set(protocols.flatMap((protocol) => family[protocol]));
  const ports = heldPorts(looker, options.proc);
  const services = servicesFor(looker, wanted, ports, options);
  const part = partFor(looker, wanted, services, ports);
  const old = part === undefined ? services : [];
  const [first] = part === undefined ? services : [{ ...part, path: '', line: 1 }];
  const listen = options.listen.length > 0 ? options.listen : placesOf(layout, { old, part, wanted, ports });
  const name = `vqmail-${protocols.join('-')}`;
  const words = [
    ...listen.flatMap((place) => ['--listen', place]),
    ...layoutOptions(layout),
    ...serveOptions(protocols, options),
  ];
  const byHand = (why: string, stop: readonly string[] = []): Plan => ({
    why,
    commands: [...stop, `vqmail serve ${words.map(shellWord).join(' ')}`],
  });
  if (first === undefined) return byHand(unknownText(wanted, ports));
  const also = [...new Set(old.flatMap((service) => servedBy(service, looker, ports)))].filter(
    (protocol) => !wanted.has(protocol),
  );
  if (also.length > 0)
    return byHand(
      `${first.name} serves ${also.join(' and ')} too: move ${protocolsText(also, protocols)} together, or take ${[...wanted].join(' and ')} out of its configuration by hand`,
    );
  const controls = part === undefined ? old.map((service) => controlOf(service, layout)) : [part.control];
  if (controls.includes(undefined))
    return byHand(
      `${first.path}:${first.line} starts it by itself, and nothing tells how to stop and start it: by hand`,
      [`take the line out of ${first.path}:${first.line}`, ...endings(listen, ports)],
    );
  const manager = options.manager ?? filesFor(first.manager, first.path);
  if (manager === undefined)
    return byHand(
      `for ${first.manager} there are no service files of ours: give --for systemd, daemontools or freebsd`,
    );
  const plan = {
    name: manager === 'freebsd' ? name.replaceAll('-', '_') : name,
    program: thisProgram(),
    listen,
    options: words.slice(2 * listen.length),
  };
  const own = ownControl(manager, plan, layout, first);
  return {
    move: {
      protocols,
      phase: 'moving',
      old: part?.name ?? old.map((service) => service.name).join(', '),
      own: plan.name,
      places: listen,
      prepareOwn: own.prepare,
      startOwn: own.start,
      stopOwn: own.stop,
      stopOld: controls.flatMap((control) => control?.stop ?? []),
      startOld: controls.flatMap((control) => control?.start ?? []),
    },
  };
}

/** Services of these protocols, each once. Of several the one at the port that is asked for, or at a customary one. */
function servicesFor(
  looker: Looker,
  wanted: ReadonlySet<string>,
  ports: readonly HeldPort[],
  { listen }: PlanOptions,
): Service[] {
  const all = mailServices(looker).filter(({ name }) => !name.includes('vqmail'));
  const found = all.filter((service) => servedBy(service, looker, ports).some((protocol) => wanted.has(protocol)));
  const once = found.filter((service, index) => found.findIndex((each) => each.name === service.name) === index);
  const asked = once.filter(({ port }) => listen.some((place) => place.endsWith(`:${port}`)));
  return asked.length > 0 ? asked : once;
}

/** Postfix, where it has the customary ports; Dovecot, where it serves more than is to be moved, or answers for Postfix. */
function partFor(
  looker: Looker,
  wanted: ReadonlySet<string>,
  services: readonly Service[],
  ports: readonly HeldPort[],
): (FrontEndPart & { readonly manager: Manager }) | undefined {
  const manager = managerOf(looker);
  const [first] = services;
  if (services.every(({ port }) => port !== undefined && mailPorts[port] === undefined)) {
    const part = postfixPart(looker, wanted);
    if (part !== undefined && isAtWork(part, ports)) return { ...part, manager };
  }
  if (first !== undefined && (services.length > 1 || !first.programs.includes('dovecot'))) return undefined;
  const isAlone = first !== undefined && servedBy(first, looker, ports).every((protocol) => wanted.has(protocol));
  const part = isAlone && !asksDovecot(looker) ? undefined : dovecotPart(looker, wanted);
  if (part === undefined || (first === undefined && !isAtWork(part, ports))) return undefined;
  return { ...part, manager: first?.manager ?? manager };
}

/** Its files may lie there from earlier times, while another program has the ports. */
function isAtWork({ protocols, process: word }: FrontEndPart, ports: readonly HeldPort[]): boolean {
  const seen = ports.filter(({ protocol = '', pid }) => protocols.has(protocol) && pid !== undefined);
  return seen.length === 0 || seen.some(({ command }) => command.includes(word));
}

/** Whether Postfix asks Dovecot who may send. */
function asksDovecot(looker: Looker): boolean {
  return frontEndParts(looker).some(({ name }) => name.startsWith('Postfix: smtpd_sasl_type = dovecot'));
}

/** By which manager this host starts its mail services. */
function managerOf(looker: Looker): Manager {
  return mailServices(looker).find(({ manager }) => manager !== 'script')?.manager ?? 'systemd';
}

/** What one service serves: Dovecot and Postfix many protocols, by their configuration or the ports that they hold. */
function servedBy(service: Service, looker: Looker, ports: readonly HeldPort[]): string[] {
  if (!service.programs.includes('dovecot')) return service.protocol === undefined ? [] : [service.protocol];
  const held = ports.filter(({ command }) => command.includes('dovecot')).flatMap(({ protocol }) => protocol ?? []);
  const named = new Places(looker.layout).dovecotDirectories.flatMap(
    (directory) => dovecotProtocols(looker, path.join(directory, 'dovecot.conf'))?.words ?? [],
  );
  const served = [...held, ...named].filter((protocol) => /^(?:imaps?|pop3s?|submission)$/.test(protocol));
  return served.length > 0 ? [...new Set(served)] : ['imap'];
}

interface Leaving {
  readonly old: readonly Service[];
  /** A front end that goes on with the rest, in the place of services. */
  readonly part: FrontEndPart | undefined;
  readonly wanted: ReadonlySet<string>;
  readonly ports: readonly HeldPort[];
}

function placesOf(layout: Layout, { old, part, wanted, ports }: Leaving): string[] {
  if (wanted.has('queue')) return [`qmqp=unix:${layout.control('vqmail/qmqp')}`];
  const told = old.flatMap(({ protocol, address, port }) =>
    protocol === undefined || port === undefined ? [] : [`${protocol}=${addressText(address ?? '0.0.0.0')}:${port}`],
  );
  if (told.length > 0) return told;
  const left = [...wanted].filter((protocol) => part === undefined || part.protocols.has(protocol));
  const customary = ports.filter(({ protocol }) => protocol !== undefined && left.includes(protocol));
  const theirs = customary.filter((port) => (part === undefined ? mayBeOf(port, old) : mayHold(part, port)));
  const held = theirs.length > 0 || part !== undefined ? theirs : customary;
  if (held.length > 0) return held.map(({ protocol, address, port }) => `${protocol}=${address}:${port}`);
  const [first = ''] = left;
  return [`${first}=0.0.0.0:${Object.entries(mailPorts).find(([, name]) => name === first)?.[0] ?? 0}`];
}

function mayHold({ process: word }: FrontEndPart, { pid, command }: HeldPort): boolean {
  return pid === undefined || command.includes(word);
}

/** Other programs may have the same port at other addresses. */
function mayBeOf({ pid, command }: HeldPort, services: readonly Service[]): boolean {
  const programs = services.flatMap((service) => service.programs);
  return pid === undefined || programs.some((name) => command.includes(name));
}

/** @throws PermanentError for a name */
function addressText(address: string): string {
  if (/^[0-9.]+$/.test(address)) return address;
  if (/^[0-9a-fA-F:]+$/.test(address)) return `[${address}]`;
  throw new PermanentError(
    '5.5.4',
    `the old server listens at ${address}: say where ours does, by --listen PROTO=ADDRESS:PORT`,
  );
}

/** How whoever holds these places is ended. */
function endings(listen: readonly string[], ports: readonly HeldPort[]): string[] {
  const held = ports.filter(({ protocol, port }) =>
    listen.some((place) => place.startsWith(`${protocol}=`) && place.endsWith(`:${port}`)),
  );
  return held.flatMap(({ pid, command }) => (pid === undefined ? [] : [`kill ${pid}    # ${command}`]));
}

/** The queue stays whose it is until it is moved. */
function serveOptions(protocols: readonly MovedProtocol[], { serve }: PlanOptions): string[] {
  return serve.includes('--queue')
    ? [...serve]
    : ['--queue', protocols.includes('queue') ? 'instead' : 'beside', ...serve];
}

function unknownText(wanted: ReadonlySet<string>, ports: readonly HeldPort[]): string {
  const held = ports.filter(({ protocol }) => protocol !== undefined && wanted.has(protocol));
  const holders = held.map(
    ({ address, port, pid, command }) =>
      `${address}:${port} is held by ${pid === undefined ? 'somebody unseen' : `process ${pid}, ${command}`}`,
  );
  return `who starts ${[...wanted].join(' and ')} was not found${holders.length > 0 ? `; ${holders.join('; ')}` : ''}: stop it by hand`;
}

function protocolsText(also: readonly string[], protocols: readonly MovedProtocol[]): string {
  const more = movedProtocols.filter((protocol) => also.some((each) => family[protocol].includes(each)));
  return [...protocols, ...more].join(' ');
}
