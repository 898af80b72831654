// What people are told about wrong logins: of one daemon, and of all that run on a host.

/** What the gate knows, for people. */
export interface GuessingStatus {
  readonly right: number;
  readonly wrong: number;
  readonly putOff: number;
  readonly knownPairs: number;
  readonly addresses: readonly KeyStatus[];
  readonly accounts: readonly KeyStatus[];
}

export interface KeyStatus {
  readonly key: string;
  readonly failures: number;
  /** Until its next attempt is looked at; 0: it is now. */
  readonly pauseSeconds: number;
}

/** The order in which keys are shown. */
export function worstFirst(a: KeyStatus, b: KeyStatus): number {
  return b.pauseSeconds - a.pauseSeconds || b.failures - a.failures;
}

/** What several daemons know. Each counts for itself: failures are added up, and the longest pause is told. */
export function together(statuses: readonly GuessingStatus[]): GuessingStatus {
  const sum = (count: (status: GuessingStatus) => number): number =>
    statuses.reduce((total, status) => total + count(status), 0);
  return {
    right: sum(({ right }) => right),
    wrong: sum(({ wrong }) => wrong),
    putOff: sum(({ putOff }) => putOff),
    knownPairs: sum(({ knownPairs }) => knownPairs),
    addresses: byKey(statuses.flatMap(({ addresses }) => addresses)),
    accounts: byKey(statuses.flatMap(({ accounts }) => accounts)),
  };
}

function byKey(keys: readonly KeyStatus[]): KeyStatus[] {
  const known = new Map<string, KeyStatus>();
  for (const { key, failures, pauseSeconds } of keys) {
    const before = known.get(key);
    known.set(key, {
      key,
      failures: failures + (before?.failures ?? 0),
      pauseSeconds: Math.max(pauseSeconds, before?.pauseSeconds ?? 0),
    });
  }
  return [...known.values()].sort(worstFirst);
}
