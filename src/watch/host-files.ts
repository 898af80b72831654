// The files of the whole host that the watcher follows, by the directory in which they lie:
//
//   control/      every control file                                                       control changed
//   users/        cdb                                                                      domain added ..., assignments changed
//   tcp rules     smtp.cdb                                                                 tcp rules changed
//   etc/          ip_alias_map, defaultdomain, vlimits.default of vpopmail                 ip alias map changed, default domain changed, limits changed
//
// The first look at a directory learns what stands there, later ones compare; a file that changed since the watch began but before its first look is told without what is otherwise in it. A file that cannot be read counts as what it was. users/cdb that is missing beside users/assign is trouble
// (stores/users.ts) and not the end of all domains; with neither there are no domains.

import path from 'node:path';
import { describe } from '../errors.js';
import { namesIn } from '../files/list.js';
import { fileTrouble } from '../files/read.js';
import { parseLine } from '../formats/controls/control-file.js';
import { type DomainLimits, parseDomainLimits } from '../formats/vpopmail/domain-limits.js';
import type { Layout } from '../layout.js';
import { type Assignments, assignmentEvents, noAssignments, parseAssignments } from './changes/assignments.js';
import { type ControlContent, controlContent, controlEvent, isControlFile, isShown } from './changes/control.js';
import { entryChanges } from './changes/entries.js';
import { ipAliasTexts } from './changes/ip-aliases.js';
import { limitChanges } from './changes/limits.js';
import { ruleTexts } from './changes/rules.js';
import type { ChangeEvent, EntryChanges } from './events.js';
import { KeptFile } from './files/kept-file.js';
import { contentMarkAt, markAt, type ReadVersion } from './files/version.js';

export type HostPart = 'control' | 'users' | 'tcp' | 'etc';

export interface HostLook {
  readonly events: readonly ChangeEvent[];
  /** Whether something was changing at that moment: look again soon. */
  readonly isUnsettled: boolean;
  readonly troubles: readonly unknown[];
}

/** Compares one file and puts what it finds into `events`. */
type Compare = (events: ChangeEvent[]) => { readonly isUnsettled: boolean; readonly ctimeMs: number };

export class HostFiles {
  readonly #layout: Layout;
  readonly #sinceMs: number;
  readonly #control = new Map<string, KeptFile<ControlContent>>();
  readonly #unshown = new Map<string, number>();
  readonly #assignments: KeptFile<Assignments>;
  readonly #rules: KeptFile<string[]>;
  readonly #ipAliases: KeptFile<string[]>;
  readonly #defaultDomain: KeptFile<string[]>;
  readonly #defaultLimits: KeptFile<DomainLimits>;
  readonly #learned = new Set<HostPart>();

  /** @param sinceMs when the watch began, wall clock */
  constructor(layout: Layout, sinceMs: number) {
    this.#layout = layout;
    this.#sinceMs = sinceMs;
    const vpopmail = layout.host(layout.vpopmail);
    this.#assignments = new KeptFile(layout.usersCdb, ({ bytes }, file) => parseAssignments(bytes, file, vpopmail));
    this.#rules = new KeptFile(layout.smtpRulesCdb, ({ bytes }, file) => ruleTexts(bytes, file));
    this.#ipAliases = new KeptFile(layout.etc('ip_alias_map'), ({ bytes }) => ipAliasTexts(bytes));
    this.#defaultDomain = new KeptFile(layout.etc('defaultdomain'), ({ bytes }) => [parseLine(bytes)]);
    this.#defaultLimits = new KeptFile(layout.etc('vlimits.default'), ({ bytes }) => parseDomainLimits(bytes));
  }

  /** The directory of each part, a disk path. */
  directoryOf(part: HostPart): string {
    if (part === 'control') return this.#layout.controlDirectory;
    if (part === 'users') return path.dirname(this.#layout.usersCdb);
    return part === 'tcp' ? this.#layout.tcp : path.dirname(this.#layout.etc('defaultdomain'));
  }

  /** Which domains there are, as of the last look. */
  get assignments(): Assignments {
    return this.#assignments.value ?? noAssignments;
  }

  /** Compares the files of a part with what they were; the first time it only learns. Does not throw. */
  look(part: HostPart): HostLook {
    const events: ChangeEvent[] = [];
    const troubles: unknown[] = [];
    let isUnsettled = false;
    for (const compare of this.#comparisons(part, troubles)) {
      try {
        const found: ChangeEvent[] = [];
        const file = compare(found);
        isUnsettled ||= file.isUnsettled;
        if (this.#learned.has(part)) events.push(...found);
        else if (file.ctimeMs >= this.#sinceMs) events.push(...withoutDetails(part, found));
      } catch (error) {
        troubles.push(error);
      }
    }
    this.#learned.add(part);
    return { events, isUnsettled, troubles };
  }

  #comparisons(part: HostPart, troubles: unknown[]): readonly Compare[] {
    switch (part) {
      case 'control':
        return this.#controlFiles(troubles);
      case 'users':
        return [(events) => this.#compareAssignments(events)];
      case 'tcp':
        return [listComparison(this.#rules, 'tcp rules changed')];
      case 'etc':
        return [
          listComparison(this.#ipAliases, 'ip alias map changed'),
          listComparison(this.#defaultDomain, 'default domain changed'),
          (events) => this.#compareDefaultLimits(events),
        ];
    }
  }

  #controlFiles(troubles: unknown[]): Compare[] {
    const names = new Set([...this.#control.keys(), ...this.#unshown.keys()]);
    try {
      for (const name of namesIn(this.#layout.controlDirectory)) if (isControlFile(name)) names.add(name);
    } catch (error) {
      troubles.push(fileTrouble(error));
    }
    return [...names].sort().map((name) => (events) => {
      return isShown(name) ? this.#compareControl(name, events) : this.#compareUnshown(name, events);
    });
  }

  #compareControl(name: string, events: ChangeEvent[]): ReturnType<Compare> {
    const file = this.#control.get(name) ?? new KeptFile(this.#layout.control(name), contentOf(name));
    this.#control.set(name, file);
    const change = file.look();
    const event = change && controlEvent(name, change.before, change.after);
    if (event !== undefined) events.push(event);
    if (file.value === undefined) this.#control.delete(name);
    return { isUnsettled: file.isUnsettled, ctimeMs: change?.ctimeMs ?? 0 };
  }

  /** A file whose bytes are not looked at: keys and certificates. */
  #compareUnshown(name: string, events: ChangeEvent[]): ReturnType<Compare> {
    const before = this.#unshown.get(name);
    const after = contentMarkAt(this.#layout.control(name));
    if (after === undefined) this.#unshown.delete(name);
    else this.#unshown.set(name, after.mark);
    const contents = [before, after?.mark].map((mark) =>
      mark === undefined ? undefined : { entries: undefined, mark },
    );
    const event = controlEvent(name, contents[0], contents[1]);
    if (event !== undefined) events.push(event);
    return { isUnsettled: false, ctimeMs: after?.ctimeMs ?? 0 };
  }

  #compareAssignments(events: ChangeEvent[]): ReturnType<Compare> {
    const { usersCdb, assign } = this.#layout;
    if (markAt(usersCdb) === undefined && markAt(assign) !== undefined)
      throw new Error(`${usersCdb} is missing; run qmail-newu`);
    const before = this.assignments;
    const change = this.#assignments.look();
    if (change !== undefined) events.push(...assignmentEvents(before, this.assignments));
    return { isUnsettled: this.#assignments.isUnsettled, ctimeMs: change?.ctimeMs ?? 0 };
  }

  #compareDefaultLimits(events: ChangeEvent[]): ReturnType<Compare> {
    const change = this.#defaultLimits.look();
    const changes = change === undefined ? [] : limitChanges(change.before, change.after);
    if (changes.length > 0) events.push({ event: 'limits changed', domain: undefined, changes });
    return { isUnsettled: this.#defaultLimits.isUnsettled, ctimeMs: change?.ctimeMs ?? 0 };
  }
}

function contentOf(name: string): (version: ReadVersion, file: string) => ControlContent {
  return ({ bytes }, file) => controlContent(name, bytes, file);
}

type ListEvent = 'tcp rules changed' | 'ip alias map changed' | 'default domain changed';

function listComparison(file: KeptFile<string[]>, event: ListEvent): Compare {
  return (events) => {
    const change = file.look();
    const entries: EntryChanges | undefined = change && entryChanges(change.before ?? [], change.after ?? []);
    if (entries !== undefined) events.push({ event, ...entries });
    return { isUnsettled: file.isUnsettled, ctimeMs: change?.ctimeMs ?? 0 };
  };
}

/** What is told of a file that changed when nobody knew yet what was in it. */
function withoutDetails(part: HostPart, events: readonly ChangeEvent[]): ChangeEvent[] {
  if (part === 'users') return events.length === 0 ? [] : [{ event: 'assignments changed', added: [], removed: [] }];
  return events.map((event) => {
    if (event.event === 'limits changed') return { ...event, changes: [] };
    if (event.event === 'control changed') return { ...event, happened: 'changed', added: [], removed: [] };
    return 'added' in event ? { ...event, added: [], removed: [] } : event;
  });
}

/** One line about what could not be read. */
export function troubleText(troubles: readonly unknown[]): string {
  const [first] = troubles;
  const more = troubles.length > 1 ? ` (and ${troubles.length - 1} more)` : '';
  return `${describe(first)}${more}`;
}
