// LOGIN, which has no RFC (draft-murchison-sasl-login): the name and the password, each asked for. Clients look for exactly these prompts.
//
//   S: Username:    C: joe@example.test    S: Password:    C: pass
//
// A client may send the name as initial response; then only the password is asked for.

import { malformed, type SaslMechanism, type SaslStep, say } from './exchange.js';
import { endOf } from './plain.js';

export function login(): SaslMechanism {
  let state: 'begin' | 'name' | 'password' | 'check' | 'over' = 'begin';
  let name = '';

  const takeName = (bytes: Buffer): SaslStep => {
    name = bytes.toString('latin1');
    state = name === '' || name.includes('\0') ? 'over' : 'password';
    return state === 'password' ? say('Password:') : malformed;
  };

  return {
    name: 'LOGIN',
    begin(initial) {
      const isFirst = state === 'begin';
      state = 'over';
      if (!isFirst) return malformed;
      if (initial !== undefined && initial.length > 0) return takeName(initial);
      state = 'name';
      return say('Username:');
    },
    answer(bytes) {
      const before = state;
      state = 'over';
      if (before === 'name') return takeName(bytes);
      if (before !== 'password') return malformed;
      state = 'check';
      return { kind: 'check', attempt: { login: name, proof: { password: bytes.toString('latin1') } } };
    },
    decided(decision) {
      const isAsked = state === 'check';
      state = 'over';
      return isAsked ? endOf(decision) : malformed;
    },
  };
}
