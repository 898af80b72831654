// One message for one host: what `qmail-remote HOST SENDER RECIPIENT...` does, with sessions that may be used again.
//
//   controls -> route -> leave from the destination's pool -> an open session, or: addresses -> connection -> session -> the message
//
// Addresses are tried in order. qmail-remote stays with the first that accepts a connection; so does this, except that a host which does not get as far as a greeting, or greets with a
// refusal, and one with which TLS is required and fails, leave the next one its chance (RFC 5321 5.1). Then the report is that of the last one that was connected to. A
// host to which connecting timed out twice is left alone for more than an hour (formats/qmail.md 7.4).
//
// Trouble with our own files is a temporary report, and the log says which. Everything is looked up for each attempt, as a process of its own would.

import net from 'node:net';
import { describe, errnoOf, TemporaryError } from '../../errors.js';
import { routeFor, routeOfSender, type SmtpRoute } from '../../formats/controls/smtp-routes.js';
import { lower } from '../../mail/address.js';
import { dial, TlsError, UnreachedError, upgradeToTls } from '../../net/dial.js';
import { isOwnAddress } from '../../net/own-addresses.js';
import { RemoteControls, type RemoteSettings } from '../../stores/remote/controls.js';
import { TcptoFile } from '../../stores/remote/tcpto-file.js';
import { TlsFiles } from '../../stores/remote/tls-files.js';
import { type RemoteContext, usualLimits } from './context.js';
import { Conversation } from './conversation.js';
import { type DestinationSearch, findDestination, type Target } from './destination.js';
import type { OutgoingMessage } from './message.js';
import { dnsNames, literalAddress } from './names.js';
import { connectionDied, fixedReports, noHostOfPolicy, type RemoteResult, resultOf } from './reports.js';
import { OpportunisticTlsFailed, openSession, type Session, SessionRefused, tlsRequired } from './session.js';
import { SessionPool } from './session-pool.js';
import { namesHost, type StsPolicy } from './tls/mta-sts.js';
import { planTls, smtpsPort, type TlsPlan } from './tls/tls-plan.js';
import { sendMessage } from './transaction.js';
import { breaksLine } from './wire-address.js';

/** A message for recipients at one host. */
export interface RemoteRequest {
  /** The domain of the recipients; qmail-remote's first argument. */
  readonly host: string;
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly message: OutgoingMessage;
}

export class RemoteDelivery {
  readonly #context: RemoteContext;
  readonly #controls: RemoteControls;
  readonly #tlsFiles: TlsFiles;
  readonly #tcpto: TcptoFile;
  readonly #search: DestinationSearch;
  readonly #pool: SessionPool;
  readonly #nowSeconds: () => number;

  constructor(context: RemoteContext) {
    this.#context = context;
    this.#controls = new RemoteControls(context.layout);
    this.#tlsFiles = new TlsFiles(context.layout, context.log);
    this.#tcpto = new TcptoFile(context.layout.tcpto);
    this.#pool = new SessionPool({ ...usualLimits, ...context.limits });
    this.#nowSeconds = context.nowSeconds ?? (() => Math.floor(Date.now() / 1000));
    this.#search = {
      names: context.names ?? dnsNames(),
      isOwnAddress: context.isOwnAddress ?? isOwnAddress,
      random: context.random ?? Math.random,
    };
  }

  /** Tries it once. Never rejects. */
  async attempt(request: RemoteRequest): Promise<RemoteResult> {
    if ([request.sender, ...request.recipients].some(breaksLine)) return resultOf(fixedReports.lineInAddress);
    try {
      const settings = this.#controls.read();
      const route = this.#route(settings, request);
      return await this.#pooled(request, route, (next) => this.#fresh(request, settings, route, next));
    } catch (error) {
      const isOurFile = error instanceof TemporaryError;
      if (isOurFile) this.#context.log.warning(`remote delivery: ${describe(error)}`);
      else this.#context.log.alert(`remote delivery: ${error instanceof Error ? error.stack : String(error)}`);
      return resultOf(isOurFile ? fixedReports.unreadableControls : fixedReports.noResources);
    }
  }

  /** Ends the sessions that are kept for use. */
  close(): void {
    this.#pool.close();
  }

  #route(settings: RemoteSettings, { host, sender }: RemoteRequest): SmtpRoute {
    const route = routeOfSender(settings.authSenders, sender) ?? routeFor(settings.routes, host);
    const port = route.relay === '' && route.port === 25 ? this.#context.smtpPort : undefined;
    return port === undefined ? route : { ...route, port };
  }

  /** With a session of the pool where there is one, else with what `fresh` does. A session that is left open goes back to the pool. */
  async #pooled(
    request: RemoteRequest,
    route: SmtpRoute,
    fresh: (sent: (session: Session) => void) => Promise<RemoteResult>,
  ): Promise<RemoteResult> {
    const key = poolKey(request.host, route);
    const kept = await this.#pool.acquire(key);
    let open: Session | undefined;
    try {
      const end = kept === undefined ? undefined : await sendMessage(kept, request, request.message);
      if (end !== undefined && end.session !== 'stale') {
        if (end.session === 'open') open = kept;
        return end.result;
      }
      return await fresh((session) => {
        open = session;
      });
    } finally {
      this.#pool.release(key, open);
    }
  }

  /** @param leftOpen is told a session that may take more */
  async #fresh(
    request: RemoteRequest,
    settings: RemoteSettings,
    route: SmtpRoute,
    leftOpen: (session: Session) => void,
  ): Promise<RemoteResult> {
    const destination = await findDestination(this.#search, request.host, route);
    if ('report' in destination) {
      if (route.relay !== '')
        this.#context.log.warning(`control/smtproutes: ${route.relay} has no address at the moment`);
      return resultOf(destination.report);
    }
    const policy = await this.#policy(request.host, route);
    const targets = policy === undefined ? destination.targets : destination.targets.filter(isNamedBy(policy));
    let last: RemoteResult = resultOf(targets.length === 0 ? noHostOfPolicy(request.host) : fixedReports.noConnection);
    for (const target of targets) {
      const policyOf = policy === undefined ? undefined : request.host;
      const session = await this.#connect({ target, settings, route, policyOf });
      if (session === undefined) continue;
      if (session instanceof SessionRefused) {
        last = resultOf(session.report, target.ip);
        if (session.mayTryOther) continue;
        return last;
      }
      const end = await sendMessage(session, request, request.message);
      if (end.session === 'open') leftOpen(session);
      return end.result;
    }
    return last;
  }

  /** The MTA-STS policy that says which hosts may be used. */
  async #policy(host: string, { relay }: SmtpRoute): Promise<StsPolicy | undefined> {
    const { stsPolicies } = this.#context;
    if (stsPolicies === undefined || relay !== '' || literalAddress(host) !== undefined) return undefined;
    return stsPolicies.enforced(host);
  }

  /** A session with one address; undefined when there was no connection. @throws TemporaryError when a control file cannot be read */
  async #connect({ target, settings, route, policyOf }: Approach): Promise<Session | SessionRefused | undefined> {
    const { authorities } = this.#context;
    const { ciphers } = settings;
    const tls = planTls(this.#tlsFiles, { host: target.host, route, ciphers, authorities, policyOf });
    const spread = Math.floor(this.#search.random() * 32);
    const look = await this.#tcpto.look(target.ip, this.#nowSeconds(), spread);
    if (look.isBackedOff) return undefined;
    try {
      const session = await this.#open(target, settings, route, tls);
      await this.#tcpto.reached(target.ip, look);
      return session;
    } catch (error) {
      if (!(error instanceof UnreachedError)) throw error;
      this.#tellBadAddress(target.ip, settings, error);
      if (error.timedOut) await this.#tcpto.timedOut(target.ip, this.#nowSeconds());
      else await this.#tcpto.reached(target.ip, look);
      return undefined;
    }
  }

  /** An address in control/outgoingip that this host does not have, or has no more, holds all mail up. */
  #tellBadAddress(ip: string, settings: RemoteSettings, { cause }: UnreachedError): void {
    const from = localAddressFor(ip, settings);
    if (from !== undefined && errnoOf(cause) === 'EADDRNOTAVAIL')
      this.#context.log.warning(
        `control/${net.isIPv4(ip) ? 'outgoingip' : 'outgoingip6'}: no connection can be made from ${from}: is it an address of this host?`,
      );
  }

  /** @throws UnreachedError */
  async #open(
    target: Target,
    settings: RemoteSettings,
    route: SmtpRoute,
    tls: TlsPlan,
  ): Promise<Session | SessionRefused> {
    const socket = await dial({
      ip: target.ip,
      port: route.port,
      timeoutMs: settings.connectTimeoutMs,
      localAddress: localAddressFor(target.ip, settings),
    });
    const timeoutMs = settings.ioTimeoutMs;
    try {
      const isSmtps = route.port === smtpsPort;
      const stream = isSmtps ? await upgradeToTls(socket, { ...tls, timeoutMs }) : socket;
      const conversation = new Conversation(stream, target.ip, timeoutMs);
      return await openSession(conversation, { heloHost: settings.heloHost, tls, ...route });
    } catch (error) {
      if (error instanceof SessionRefused) return error;
      if (error instanceof TlsError) return new SessionRefused(tlsRequired(target.ip, tls, error.message), true);
      if (error instanceof OpportunisticTlsFailed) return this.#inClear(target, settings, route, tls);
      throw error;
    }
  }

  /** After a handshake that failed where it did not have to succeed. The host answered a moment ago: one that cannot be reached now has died. */
  async #inClear(
    target: Target,
    settings: RemoteSettings,
    route: SmtpRoute,
    tls: TlsPlan,
  ): Promise<Session | SessionRefused> {
    try {
      return await this.#open(target, settings, route, { ...tls, mode: 'never' });
    } catch (error) {
      if (!(error instanceof UnreachedError)) throw error;
      return new SessionRefused(connectionDied(target.ip, false), true);
    }
  }
}

/** One address, and what the session with it goes by. */
interface Approach {
  readonly target: Target;
  readonly settings: RemoteSettings;
  readonly route: SmtpRoute;
  readonly policyOf: string | undefined;
}

function localAddressFor(ip: string, { outgoingIp, outgoingIp6 }: RemoteSettings): string | undefined {
  return net.isIPv4(ip) ? outgoingIp : outgoingIp6;
}

function isNamedBy(policy: StsPolicy): (target: Target) => boolean {
  return ({ host }) => namesHost(policy, host);
}

/** Messages with the same key may go over the same session. */
function poolKey(host: string, { relay, port, login, words }: SmtpRoute): string {
  const to = relay === '' ? `mx ${lower(host)}` : `relay ${lower(relay)}`;
  return `${to}:${port} ${login === undefined ? '' : JSON.stringify(login)} ${[...words].sort().join()}`;
}
