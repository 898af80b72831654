// PLAIN (RFC 4616): one message, `authzid NUL authcid NUL password`. Logging in for somebody else is not done here: an authzid has to be empty or the same name.
//
//   AGpvZUBleGFtcGxlLnRlc3QAcGFzcw==      NUL joe@example.test NUL pass

import {
  malformed,
  refused,
  refusedForOther,
  type SaslDecision,
  type SaslMechanism,
  type SaslStep,
  say,
} from './exchange.js';

export function plain(): SaslMechanism {
  let state: 'begin' | 'message' | 'check' | 'over' = 'begin';

  const message = (bytes: Buffer): SaslStep => {
    state = 'over';
    const [authzid, login, password, ...more] = bytes.toString('latin1').split('\0');
    if (login === undefined || password === undefined || more.length > 0 || login === '') return malformed;
    if (authzid !== '' && authzid !== login) return refusedForOther;
    state = 'check';
    return { kind: 'check', attempt: { login, proof: { password } } };
  };

  return {
    name: 'PLAIN',
    begin(initial) {
      const isFirst = state === 'begin';
      state = 'over';
      if (!isFirst) return malformed;
      if (initial !== undefined) return message(initial);
      state = 'message';
      return say('');
    },
    answer(bytes) {
      const isExpected = state === 'message';
      state = 'over';
      return isExpected ? message(bytes) : malformed;
    },
    decided(decision) {
      const isAsked = state === 'check';
      state = 'over';
      return isAsked ? endOf(decision) : malformed;
    },
  };
}

/** The end of a mechanism in which the server proves nothing. */
export function endOf(decision: SaslDecision): SaslStep {
  return decision.ok ? { kind: 'success' } : refused;
}
