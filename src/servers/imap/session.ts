// One IMAP session from the greeting to its end: the loop that takes commands and answers them (RFC 9051 3, 5.5, 7). What a command does is its own file's business (command.ts).
//
//   not authenticated   CAPABILITY NOOP LOGOUT ID STARTTLS LOGIN AUTHENTICATE
//   authenticated       all about mailboxes
//   selected            all about messages
//
// Commands may be sent ahead; they are obeyed one after another, and their answers leave together. A session whose account is removed, disabled or given another password
// (servers/open-sessions.ts) ends with BYE before the next command is obeyed, at once when it waits for one; so does one of a daemon that is to end.

import type { Socket } from 'node:net';
import type { LoggedIn } from '../../auth/login.js';
import type { Log } from '../../log.js';
import type { AccountMailboxes } from '../../stores/mailboxes/account-mailboxes.js';
import type { MailboxView } from '../../stores/mailboxes/mailbox-view.js';
import { MailboxRefusal } from '../../stores/mailboxes/refusal.js';
import { answerToError, taggedLine } from './answers.js';
import { appendLimit } from './append-limit.js';
import { enterSession, openAccount, openElsewhere } from './authentication/entry.js';
import { capabilitiesAfterLogin, capabilitiesBeforeLogin } from './capabilities.js';
import { tellViewChanges } from './changes.js';
import {
  bad,
  type Completion,
  type Extension,
  type ImapCommand,
  type LetIn,
  type LoggedInSession,
  type LoginSession,
  no,
  ok,
  type Selected,
  type SelectedSession,
  type TellHow,
} from './command.js';
import type { ClientCommand, CommandInput, RefusedCommand } from './command-input.js';
import { commands } from './commands.js';
import { type ClientOfSession, ConnectionSecurity } from './connection-security.js';
import { noLargeMessage } from './fetch/message-text.js';
import { FlagLists } from './flag-lists.js';
import { MailboxNames } from './mailbox-names.js';
import type { ImapOutput } from './output.js';
import type { ImapServices } from './server.js';
import { ImapTransport } from './transport.js';

const needsUids = 'Message numbers cannot be used with UIDONLY';

/** A session that logged in in another process, with the tag of the command that is still to be answered. */
export interface Resumption {
  readonly ticket: string;
  readonly tag: string;
}

export class ImapConnection implements LoginSession, LoggedInSession {
  readonly services: ImapServices;
  readonly log: Log;
  readonly enabled = new Set<Extension>();
  readonly names: MailboxNames;
  readonly security: ConnectionSecurity;
  readonly #client: ClientOfSession;
  readonly #resumption: Resumption | undefined;
  readonly #transport: ImapTransport;
  #user: string | undefined;
  #account: AccountMailboxes | undefined;
  #selected: Selected | undefined;
  #timer: NodeJS.Timeout;
  #leave: (() => void) | undefined;
  #errors = 0;
  #failedLogins = 0;
  #isWaiting = false;
  #isOver = false;
  /** What BYE says when the session ends for a reason of ours. */
  #farewell: string | undefined;

  /** @param resumption of a session that began, and logged in, in another process */
  constructor(socket: Socket, client: ClientOfSession, services: ImapServices, resumption?: Resumption) {
    this.services = services;
    this.log = services.log;
    this.#client = client;
    this.#resumption = resumption;
    this.#transport = new ImapTransport(socket, services.limits);
    this.security = new ConnectionSecurity(this.#transport, client, services);
    this.names = new MailboxNames(services.settings.prefix, this.enabled);
    this.#timer = setTimeout(() => this.#beLate(), services.limits.loginMs);
  }

  get input(): CommandInput {
    return this.#transport.input;
  }

  get output(): ImapOutput {
    return this.#transport.output;
  }

  get user(): string {
    if (this.#user === undefined) throw new Error('nobody has logged in');
    return this.#user;
  }

  get account(): AccountMailboxes {
    if (this.#account === undefined) throw new Error('nobody has logged in');
    return this.#account;
  }

  get selected(): Selected | undefined {
    return this.#selected;
  }

  select(view: MailboxView | undefined): void {
    this.#selected?.view.close();
    this.#selected = view && {
      view,
      flagLists: new FlagLists(view, this.enabled),
      savedUids: [],
      largeMessage: noLargeMessage(),
    };
  }

  enable(extension: Extension): void {
    this.enabled.add(extension);
    if (extension === 'QRESYNC') this.enabled.add('CONDSTORE');
  }

  async capabilities(): Promise<string> {
    if (this.#user !== undefined) return capabilitiesAfterLogin(appendLimit(this.services));
    const mechanisms = this.services.sasl.mechanisms(this.security.saslClient());
    const [tls, password] = [await this.security.offersTls(), await this.security.mayPasswordBeSent()];
    return capabilitiesBeforeLogin({ tls, password, mechanisms });
  }

  get isCompressed(): boolean {
    return this.#transport.isCompressed;
  }

  compress(): Promise<void> {
    return this.#transport.compress();
  }

  end(): void {
    this.#isOver = true;
  }

  stay(): void {
    this.#timer.refresh();
  }

  /** Serves the client to the end of the session. */
  async run(): Promise<void> {
    try {
      if (this.#resumption !== undefined) await this.#goOn(this.#resumption);
      else this.output.untagged(`OK [CAPABILITY ${await this.capabilities()}] vqmail ready.`);
      await this.#serve();
      this.#transport.close();
    } finally {
      clearTimeout(this.#timer);
      this.#leave?.();
      this.select(undefined);
    }
  }

  async #serve(): Promise<void> {
    while (!this.#isOver && this.#farewell === undefined) {
      const command = await this.#next();
      if (command === undefined) break;
      this.#timer.refresh();
      this.output.begin();
      if ('problem' in command) this.#refuse(command);
      else await this.#obey(command);
      this.#timer.refresh();
    }
    if (this.#isOver) return;
    if (this.#transport.lines.ended === 'line-too-long') this.#farewell ??= 'Input line is too long.';
    if (this.#farewell !== undefined) this.output.untagged(`BYE ${this.#farewell}`);
  }

  async #next(): Promise<ClientCommand | RefusedCommand | undefined> {
    const { lines, writer } = this.#transport;
    if (!lines.hasLine || writer.isFull) await writer.flush();
    if (this.#farewell !== undefined) return undefined;
    this.#isWaiting = true;
    const command = await this.input.next();
    this.#isWaiting = false;
    return command;
  }

  async nextLine(): Promise<string | undefined> {
    await this.#transport.writer.flush();
    if (this.#farewell !== undefined) return undefined;
    this.#isWaiting = true;
    // Without a wait of its own: thousands of sessions idle here.
    return this.#transport.lines.next().then((line) => {
      this.#isWaiting = false;
      return line;
    });
  }

  #refuse({ tag, problem, isFatal }: RefusedCommand): void {
    this.#answer(tag, bad(`${problem}.`));
    if (isFatal) this.#farewell ??= 'Too long argument.';
  }

  async #obey(command: ClientCommand): Promise<void> {
    const { tag, name, announced } = command;
    const known = commands.get(name);
    const whyNot = this.#whyNot(known);
    if (known === undefined || whyNot !== undefined) {
      const code = whyNot === needsUids ? '[UIDREQUIRED] ' : '';
      const problem = `${code}Error in IMAP command ${name}: ${whyNot}`;
      const refused = announced && (await this.input.refuse(announced, tag, problem));
      return this.#refuse(refused ?? { tag, problem, isFatal: false });
    }
    const completion = await this.#run(known, command);
    if (completion === undefined) return;
    const isToEnd = this.#farewell !== undefined;
    if (this.#selected !== undefined && known.tellsNothing !== true) await this.#tellBehind(known, name);
    // What was done to other mailboxes is told, also when the selected one turns out to be gone.
    if (isToEnd || (this.#farewell !== undefined && known.state !== 'logged-in')) return;
    this.#answer(tag, completion);
    await completion.afterwards?.();
  }

  /** Why a command cannot be obeyed in this state. */
  #whyNot(command: ImapCommand | undefined): string | undefined {
    if (command === undefined) return 'Unknown command';
    const isIn = this.#user !== undefined;
    if (command.state === 'any') return undefined;
    if (command.state === 'before-login') return isIn ? 'Unknown command' : undefined;
    if (!isIn) return 'Please log in first';
    if (command.namesNumbers && this.enabled.has('UIDONLY')) return needsUids;
    return command.state === 'selected' && this.#selected === undefined ? 'No mailbox selected' : undefined;
  }

  async #run(known: ImapCommand, command: ClientCommand): Promise<Completion | undefined> {
    try {
      if (known.state === 'selected') return await known.run(this as unknown as SelectedSession, command);
      return await known.run(this, command);
    } catch (error) {
      return this.#answerTo(error, command.name);
    }
  }

  #answerTo(error: unknown, name: string): Completion {
    if (error instanceof MailboxRefusal && error.code === 'LOST') this.#loseMailbox();
    const { completion, warning, alert } = answerToError(error, name);
    const who = `${this.#client.service}: ${this.#user ?? this.#client.origin.remoteIp}: ${name}`;
    if (warning !== undefined) this.log.warning(`${who}: ${warning}`);
    if (alert !== undefined) this.log.alert(`${who}: ${alert}`);
    return completion;
  }

  /** Trouble with news does not turn what was done into a failure. */
  async #tellBehind(known: ImapCommand, name: string): Promise<void> {
    const looks = known.mayLookLater !== true || !this.#transport.lines.hasLine;
    const how = { mayExpunge: known.keepsNumbers !== true, withUid: name.startsWith('UID '), looks };
    await this.tellChanges(how).catch((error: unknown) => this.#answerTo(error, name));
  }

  async tellChanges({ mayExpunge, withUid, looks }: TellHow): Promise<void> {
    const selected = this.#selected;
    if (selected === undefined) return;
    if (looks) await selected.view.sync();
    await tellViewChanges(this.output, selected, { mayExpunge, withUid, enabled: this.enabled });
  }

  #loseMailbox(): void {
    this.#farewell ??= 'IMAP session state is inconsistent, please relogin.';
  }

  #answer(tag: string, completion: Completion): void {
    this.output.line(taggedLine(tag, completion));
    this.#errors = completion.status === 'BAD' ? this.#errors + 1 : 0;
    const { maxErrors, maxErrorsBeforeLogin } = this.services.limits;
    if (this.#errors >= (this.#user === undefined ? maxErrorsBeforeLogin : maxErrors))
      this.#farewell ??= 'Too many invalid IMAP commands.';
  }

  /** Ends the session where it loses nothing by it. */
  drain(): void {
    this.dismiss('Server shutting down.');
  }

  /** Ends the session when its command is done, or at once when it waits for one. */
  dismiss(farewell: string): void {
    this.#farewell ??= farewell;
    if (this.#isWaiting) this.#transport.lines.stop();
  }

  /** A client that has not logged in by now will not; one that has, and says nothing, has forgotten us. */
  #beLate(): void {
    if (this.#user === undefined || this.#isWaiting) this.dismiss('Disconnected for inactivity.');
    else this.#timer.refresh();
  }

  async #goOn({ ticket, tag }: Resumption): Promise<void> {
    const { looks } = this.services.sessions;
    const login = this.services.redeem?.(ticket);
    if (login !== undefined) this.#answer(tag, await this.#begin(login, looks));
    else {
      this.#answer(tag, no('Authentication failed.', 'AUTHENTICATIONFAILED'));
      this.#farewell = 'Log in again.';
    }
  }

  async enter(login: LetIn, looksBefore: number, tag: string): Promise<Completion | undefined> {
    const { belongTo } = this.#client.origin;
    const user = `${login.account.name}@${login.account.domain}`;
    if ((await belongTo?.(`imap ${user}`)) !== undefined)
      return no('Too many connections of this user, try again later.', 'UNAVAILABLE');
    if (login.ticket === undefined) return this.#begin(login, looksBefore);
    await this.#goElsewhere(login, login.ticket, tag);
    return undefined;
  }

  failed(completion: Completion): Completion {
    if (++this.#failedLogins < this.services.limits.maxFailedLogins) return completion;
    const afterwards = async (): Promise<void> => this.dismiss('Too many failed logins.');
    return { ...completion, afterwards };
  }

  async #begin(login: LoggedIn, looksBefore: number): Promise<Completion> {
    const end = (): void => this.dismiss('The account has changed, log in again.');
    this.#leave = enterSession(this.services, this.#client, login, looksBefore, end);
    this.#account = await openAccount(this.services, login);
    // The name alone: what else the login found is not needed while thousands of sessions idle.
    this.#user = `${login.account.name}@${login.account.domain}`;
    this.#transport.trust();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#beLate(), this.services.limits.idleMs);
    return ok('Logged in', `CAPABILITY ${await this.capabilities()}`);
  }

  /** Lets a session for another uid, which has checked the login, go on in a process of that uid. Resolves when it is over there. */
  async #goElsewhere(login: LetIn, ticket: string, tag: string): Promise<void> {
    const other = await openElsewhere(this.services, this.#client, login, ticket, tag);
    clearTimeout(this.#timer);
    this.end();
    await this.#transport.passOnTo(other);
  }
}
