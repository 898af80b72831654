// The gate of logins (auth/guessing) as a session worker sees it: the counting is the supervisor's, which knows of the attempts in all workers.
//
//   worker  login-enter {request, attempt}   ->  supervisor       supervisor  login-entered {request, admission}  ->  worker
//   worker  login-over {request, outcome}    ->  supervisor       for each that was admitted
//   worker  login-failed {attempt}           ->  supervisor       one failed that the worker did not ask about
//   worker  login-known {right}              ->  supervisor       so many were right of those that the worker did not ask about
//
// An address and account that were right together a moment ago are not asked about again for five minutes, unless they fail: a busy webmail costs no messages. A
// supervisor that does not answer lets nobody wait for ever: the attempt is put off.

import type { Admission, AttemptOutcome, LoginAttempt, LoginGate, Standing } from '../../auth/guessing/gate.js';
import type { ToChild } from '../messages.js';
import { tellSupervisor } from '../supervised.js';

const patienceMs = 8_000;
const knownForMs = 300_000;
const mostKnown = 20_000;
const tellKnownEveryMs = 2_000;

/** What a worker tells the supervisor. */
export type LoginMessage =
  | { readonly type: 'login-enter'; readonly request: number; readonly attempt: LoginAttempt }
  | {
      readonly type: 'login-over';
      readonly request: number;
      readonly outcome: AttemptOutcome;
      readonly fingerprint?: string;
    }
  | { readonly type: 'login-failed'; readonly attempt: LoginAttempt; readonly fingerprint?: string }
  | { readonly type: 'login-known'; readonly right: number };

/** What the supervisor answers. */
export type AdmissionNotice =
  | { readonly isAdmitted: true; readonly standing: Standing }
  | { readonly isAdmitted: false; readonly retrySeconds: number };

/** The gate in one worker. */
export class LoginRequests implements LoginGate {
  readonly #waiting = new Map<number, (admission: AdmissionNotice) => void>();
  /** Until when a pair is not asked about. */
  readonly #known = new Map<string, number>();
  readonly #tell: (message: LoginMessage) => void;
  #last = 0;
  #untoldRight = 0;

  /** @param tell tells the supervisor */
  constructor(tell: (message: LoginMessage) => void = tellSupervisor) {
    this.#tell = tell;
  }

  async enter(attempt: LoginAttempt): Promise<Admission> {
    const pair = `${attempt.address ?? ''} ${attempt.account}`;
    const known = this.#known.get(pair);
    if (known !== undefined && known > Date.now()) return this.#admitKnown(pair, attempt);
    const request = ++this.#last;
    const admission = await this.#ask(request, attempt);
    if (!admission.isAdmitted) return admission;
    return {
      ...admission,
      over: (outcome, fingerprint) => {
        if (outcome === 'right') this.#isKnown(pair);
        this.#tell({ type: 'login-over', request, outcome, ...(fingerprint !== undefined && { fingerprint }) });
      },
    };
  }

  answered({ request, admission }: Extract<ToChild, { type: 'login-entered' }>): void {
    this.#waiting.get(request)?.(admission);
  }

  #admitKnown(pair: string, attempt: LoginAttempt): Admission {
    return {
      isAdmitted: true,
      standing: 'known',
      over: (outcome, fingerprint) => {
        if (outcome === 'right') this.#countRight();
        if (outcome !== 'wrong') return;
        this.#known.delete(pair);
        this.#tell({ type: 'login-failed', attempt, ...(fingerprint !== undefined && { fingerprint }) });
      },
    };
  }

  #ask(request: number, attempt: LoginAttempt): Promise<AdmissionNotice> {
    return new Promise((resolve) => {
      const settle = (admission: AdmissionNotice): void => {
        clearTimeout(timer);
        this.#waiting.delete(request);
        resolve(admission);
      };
      const timer = setTimeout(() => settle({ isAdmitted: false, retrySeconds: 10 }), patienceMs);
      this.#waiting.set(request, settle);
      this.#tell({ type: 'login-enter', request, attempt });
    });
  }

  #isKnown(pair: string): void {
    this.#known.delete(pair);
    this.#known.set(pair, Date.now() + knownForMs);
    if (this.#known.size <= mostKnown) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }

  #countRight(): void {
    if (this.#untoldRight++ > 0) return;
    setTimeout(() => {
      this.#tell({ type: 'login-known', right: this.#untoldRight });
      this.#untoldRight = 0;
    }, tellKnownEveryMs).unref();
  }
}

/** What the supervisor's own gate can do besides. */
export interface SharedGate extends LoginGate {
  knownWereRight(count: number): void;
  knownWasWrong(attempt: LoginAttempt, fingerprint: string | undefined): void;
}

/** The supervisor's side for one child: what it asked for ends with it. */
export class LoginAnswers {
  readonly #gate: SharedGate;
  readonly #send: (message: ToChild) => void;
  readonly #underWay = new Map<number, (outcome: AttemptOutcome, fingerprint?: string) => void>();
  #isGone = false;

  constructor(gate: SharedGate, send: (message: ToChild) => void) {
    this.#gate = gate;
    this.#send = send;
  }

  hear(message: LoginMessage): void {
    switch (message.type) {
      case 'login-enter':
        void this.#enter(message.request, message.attempt);
        break;
      case 'login-over':
        this.#underWay.get(message.request)?.(message.outcome, message.fingerprint);
        this.#underWay.delete(message.request);
        break;
      case 'login-failed':
        this.#gate.knownWasWrong(message.attempt, message.fingerprint);
        break;
      case 'login-known':
        this.#gate.knownWereRight(message.right);
        break;
    }
  }

  /** The child is gone: what it had under way is undecided. */
  gone(): void {
    this.#isGone = true;
    for (const over of this.#underWay.values()) over('undecided');
    this.#underWay.clear();
  }

  async #enter(request: number, attempt: LoginAttempt): Promise<void> {
    const admission = await this.#gate.enter(attempt);
    if (admission.isAdmitted) {
      if (this.#isGone) return admission.over('undecided');
      this.#underWay.set(request, admission.over);
      this.#send({ type: 'login-entered', request, admission: { isAdmitted: true, standing: admission.standing } });
    } else this.#send({ type: 'login-entered', request, admission });
  }
}
