// What the watcher tells: one event for one thing that is now otherwise on the host, found by comparing what the files said before and say now. What came and went between
// two looks is told as its net result, and nothing is told twice.
//
//   domain added example.jp                                  users/cdb has it
//   alias domain added alias.example.jp of example.jp
//   user added joe@example.jp                                vpasswd.cdb has it, so logins and mail do
//   password changed joe@example.jp
//   flags changed joe@example.jp: +NO_POP -NO_IMAP
//   limits changed example.jp: +disable_pop maxpopaccounts -1 -> 50
//   alias changed info@example.jp: added                     .qmail-info
//   control rcpthosts changed: +a.example -b.example
//
// The words before the address are the event's name, in the text and in JSON. Names are Latin-1 strings; JSON is ASCII, a byte above 127 is \u00XX. No event holds a password, a hash
// or a file's secret lines.

/** Entries that came and went. At most `mostEntries` of each; `more` counts the rest. */
export interface EntryChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly more?: number;
}

/** What happened to a file or to the meaning of it. */
export type Happening = 'added' | 'removed' | 'changed';

interface OfAccount {
  readonly domain: string;
  readonly user: string;
}

export type AccountEvent = OfAccount &
  (
    | { readonly event: 'user added' | 'user removed' | 'password changed' }
    | { readonly event: 'quota changed'; readonly before: string; readonly after: string }
    /** Names of formats/vpopmail/vpasswd-flags.ts; a bit without a name is `0x80000`. */
    | { readonly event: 'flags changed'; readonly added: readonly string[]; readonly removed: readonly string[] }
    /** Comment, directory or number. */
    | { readonly event: 'user changed' }
  );

export type DomainEvent =
  | { readonly event: 'domain added' | 'domain removed'; readonly domain: string }
  /** Its directory or owner is another one. */
  | { readonly event: 'domain moved'; readonly domain: string }
  /** Something in its directory changed before it was known what stood there: between the start of the watch and the first look at this domain. */
  | { readonly event: 'domain changed'; readonly domain: string }
  | { readonly event: 'alias domain added' | 'alias domain removed'; readonly domain: string; readonly of: string };

/** `domain` undefined: the limits of all domains without their own, etc/vlimits.default. */
export interface LimitsEvent {
  readonly event: 'limits changed';
  readonly domain: string | undefined;
  /** As `+disable_pop`, `-disable_imap`, `maxpopaccounts -1 -> 50`. */
  readonly changes: readonly string[];
}

export interface AliasEvent {
  readonly event: 'alias changed';
  readonly domain: string;
  /** `info` for .qmail-info, `default` for .qmail-default, '' for .qmail. */
  readonly alias: string;
  readonly happened: Happening;
}

export type HostEvent =
  /** `name` of the file in control/; `happened` to the file. Without entries for files whose lines are not shown. */
  | ({ readonly event: 'control changed'; readonly name: string; readonly happened: Happening } & EntryChanges)
  /** Assignments of users/cdb that are no vpopmail domains, as `=joe` and `+list-`. */
  | ({ readonly event: 'assignments changed' } & EntryChanges)
  /** Rules of smtp.cdb, as `10.:allow,RELAYCLIENT=`. */
  | ({ readonly event: 'tcp rules changed' } & EntryChanges)
  /** As `192.0.2.1 example.jp`. */
  | ({ readonly event: 'ip alias map changed' } & EntryChanges)
  | ({ readonly event: 'default domain changed' } & EntryChanges);

export type ChangeEvent = AccountEvent | DomainEvent | LimitsEvent | AliasEvent | HostEvent;

/** How many entries of a list an event names. */
export const mostEntries = 1000;
/** How many of them a line of text shows. */
const shownEntries = 20;

/** An event as one line for people, without a line end. */
export function eventText(event: ChangeEvent): string {
  switch (event.event) {
    case 'user added':
    case 'user removed':
    case 'user changed':
    case 'password changed':
      return `${event.event} ${addressOf(event)}`;
    case 'quota changed':
      return `quota changed ${addressOf(event)}: ${event.before} -> ${event.after}`;
    case 'flags changed':
      return `flags changed ${addressOf(event)}: ${signed(event)}`;
    case 'alias domain added':
    case 'alias domain removed':
      return `${event.event} ${event.domain} of ${event.of}`;
    case 'limits changed':
      return `limits changed ${event.domain ?? '(all domains without their own)'}${withColon(event.changes.join(' '))}`;
    case 'alias changed':
      return `alias changed ${event.alias}@${event.domain}: ${event.happened}`;
    case 'control changed':
      return `control ${event.name} ${event.happened}${withColon(signed(event))}`;
    case 'assignments changed':
    case 'tcp rules changed':
    case 'ip alias map changed':
    case 'default domain changed':
      return `${event.event}${withColon(signed(event))}`;
    default:
      return `${event.event} ${event.domain}`;
  }
}

/** An event as one line of JSON, ASCII only, without a line end. @param at when it was seen */
export function eventJson(event: ChangeEvent, at: Date): string {
  const address = 'user' in event ? { address: addressOf(event) } : {};
  return asciiJson({ ...event, ...address, at: at.toISOString() });
}

/** JSON in which every character above 126 is written as an escape. */
export function asciiJson(value: object): string {
  return JSON.stringify(value).replace(
    /[\x7f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function addressOf({ user, domain }: OfAccount): string {
  return `${user}@${domain}`;
}

function signed({ added, removed, more = 0 }: EntryChanges): string {
  const all = [...added.map((entry) => `+${entry}`), ...removed.map((entry) => `-${entry}`)];
  const unshown = more + Math.max(0, all.length - shownEntries);
  return [...all.slice(0, shownEntries), ...(unshown > 0 ? [`and ${unshown} more`] : [])].join(' ');
}

function withColon(text: string): string {
  return text === '' ? '' : `: ${text}`;
}
