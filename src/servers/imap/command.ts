// What a command of IMAP is, and what it sees of the session that obeys it. One file a command; the table is commands.ts, the loop session.ts.
//
// A command reads all its arguments, then acts, then answers with a completion. It throws what it cannot do; the session makes the answer of it:
//
//   SyntaxProblem        BAD                  the arguments are none
//   MailboxRefusal       NO [code]            what the client cannot have
//   ImapProblem          as it says
//   TemporaryError       NO [UNAVAILABLE]     trouble of ours, which goes to the log
//   anything else        NO [SERVERBUG]       a defect, likewise
//
// What changed in the selected mailbox the session tells by itself, between a command's own responses and its tagged line.

import type { LoginOutcome } from '../../auth/logins.js';
import type { Log } from '../../log.js';
import { Decoder } from '../../protocols/imap/decoder.js';
import type { AccountMailboxes } from '../../stores/mailboxes/account-mailboxes.js';
import type { MailboxView } from '../../stores/mailboxes/mailbox-view.js';
import type { ClientCommand, CommandInput } from './command-input.js';
import type { ConnectionSecurity } from './connection-security.js';
import type { LargeMessageMemory } from './fetch/message-text.js';
import type { FlagLists } from './flag-lists.js';
import type { MailboxNames } from './mailbox-names.js';
import type { ImapOutput } from './output.js';
import type { ImapServices } from './server.js';

/** What a client has switched on (RFC 5161); CONDSTORE also by using it (RFC 7162 3.1). */
export type Extension = 'CONDSTORE' | 'QRESYNC' | 'UTF8=ACCEPT' | 'IMAP4rev2' | 'UIDONLY';

/** The session as every command sees it. */
export interface ImapSession {
  readonly log: Log;
  readonly services: ImapServices;
  readonly output: ImapOutput;
  /** For commands that go on reading: the bytes of messages, DONE, SASL. */
  readonly input: CommandInput;
  readonly enabled: ReadonlySet<Extension>;
  /** Switches an extension on with what it implies. */
  enable(extension: Extension): void;
  /** What the session can do now, for CAPABILITY. */
  capabilities(): Promise<string>;
  /** Ends the session once the command is answered; the output has said BYE. */
  end(): void;
  /** Ends the session with BYE when its command is answered. */
  dismiss(farewell: string): void;
  /** The next line of a command that goes on: SASL, DONE. What was said is sent first. undefined: the client is gone, or the session is to end. */
  nextLine(): Promise<string | undefined>;
}

/** The session before the client has logged in. */
export interface LoginSession extends ImapSession {
  readonly security: ConnectionSecurity;
  /**
   * Lets a client in that has logged in.
   * @param looksBefore how many looks `OpenSessions` had done before the login was decided
   * @returns undefined: the session went on in another process, and is over
   */
  enter(login: LetIn, looksBefore: number, tag: string): Promise<Completion | undefined>;
  /** Counts a login that was wrong; after a few the session ends. @returns the answer */
  failed(completion: Completion): Completion;
}

/** A login that is good; with a ticket the account is another process's. */
export type LetIn = Extract<LoginOutcome, { ok: true }>;

export interface LoggedInSession extends ImapSession {
  /** `user@domain`, lower case. */
  readonly user: string;
  readonly account: AccountMailboxes;
  /** Names of mailboxes between client and account. */
  readonly names: MailboxNames;
  readonly selected: Selected | undefined;
  /** Leaves the mailbox that is selected, if one is, without a word, and selects another. */
  select(view: MailboxView | undefined): void;
  /** Tells what has changed in the selected mailbox. One call at a time. @throws MailboxRefusal LOST */
  tellChanges(how: TellHow): Promise<void>;
  /** The client's silence counts from now on. */
  stay(): void;
  readonly isCompressed: boolean;
  /** Compresses in both directions. Called when COMPRESS is answered. */
  compress(): Promise<void>;
}

export interface SelectedSession extends LoggedInSession {
  readonly selected: Selected;
}

/** The selected mailbox. */
export interface Selected {
  readonly view: MailboxView;
  readonly flagLists: FlagLists;
  /** UIDs that SEARCH RETURN (SAVE) has kept, ascending (`$`, RFC 5182); those that are gone do not matter. */
  savedUids: readonly number[];
  /** What is known of the large message that was read last. */
  readonly largeMessage: LargeMessageMemory;
}

export interface TellHow {
  /** Whether sequence numbers may change now. */
  readonly mayExpunge: boolean;
  /** Whether FETCH responses name the UID: of UID commands. */
  readonly withUid: boolean;
  /** Whether the disk is looked at first. */
  readonly looks: boolean;
}

/** A command's tagged answer. */
export interface Completion {
  readonly status: 'OK' | 'NO' | 'BAD';
  /** Without brackets: `READ-WRITE`, `COPYUID 1 2 3`. */
  readonly code?: string | undefined;
  readonly text: string;
  /** Done when the tagged line is written, before it is sent. */
  readonly afterwards?: () => Promise<void>;
}

interface CommandTraits {
  /** Whether sequence numbers must stay until its tagged answer: FETCH, STORE, SEARCH, SORT, THREAD, without UID (RFC 9051 7.5.1). */
  readonly keepsNumbers?: boolean;
  /** Whether it names messages by sequence numbers: no command once UIDONLY is enabled (RFC 9586). */
  readonly namesNumbers?: boolean;
  /** Whether the disk is not looked at when more commands wait. What must show what others did looks always: NOOP, CHECK. */
  readonly mayLookLater?: boolean;
  /** Whether nothing is told behind it: it has told everything, or has left the mailbox. */
  readonly tellsNothing?: boolean;
}

export type ImapCommand =
  | (CommandTraits & {
      readonly state: 'any';
      run(session: ImapSession, command: ClientCommand): Promise<Completion>;
    })
  | (CommandTraits & {
      readonly state: 'before-login';
      run(session: LoginSession, command: ClientCommand): Promise<Completion | undefined>;
    })
  | (CommandTraits & {
      readonly state: 'logged-in';
      run(session: LoggedInSession, command: ClientCommand): Promise<Completion>;
    })
  | (CommandTraits & {
      readonly state: 'selected';
      run(session: SelectedSession, command: ClientCommand): Promise<Completion>;
    });

/** An answer other than OK, thrown from wherever it is found out. */
export class ImapProblem extends Error {
  readonly completion: Completion;

  constructor(status: 'NO' | 'BAD', text: string, code?: string) {
    super(text);
    this.completion = { status, code, text };
  }
}

/** For sequence numbers of a client that has enabled UIDONLY. */
export function uidRequired(): ImapProblem {
  return new ImapProblem('BAD', 'Message numbers cannot be used with UIDONLY.', 'UIDREQUIRED');
}

export function ok(text: string, code?: string): Completion {
  return { status: 'OK', code, text };
}

export function no(text: string, code?: string): Completion {
  return { status: 'NO', code, text };
}

export function bad(text: string): Completion {
  return { status: 'BAD', text };
}

/** The arguments of a command, at their first character. */
export function argumentsOf(command: ClientCommand): Decoder {
  return new Decoder(command.pieces);
}

/** @throws SyntaxProblem when a command that has no arguments has some */
export function mustHaveNoArguments(command: ClientCommand): void {
  argumentsOf(command).end();
}
