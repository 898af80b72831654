// AUTHENTICATE (RFC 9051 6.2.2, RFC 4959 SASL-IR): the mechanisms of auth/sasl.
//
//   C: a1 AUTHENTICATE PLAIN              S: +              C: AGpvZQBzZWNyZXQ=       S: a1 OK [CAPABILITY ...] Logged in
//   C: a1 AUTHENTICATE PLAIN AGpvZQBzZWNyZXQ=              with the initial response at once; `=` is an empty one

import type { SaslAnswer } from '../../../auth/sasl/sasl-login.js';
import { argumentsOf, bad, type Completion, type ImapCommand, no } from '../command.js';
import { inTrouble, putOff, wrong } from './login.js';

export const authenticate: ImapCommand = {
  state: 'before-login',
  async run(session, command) {
    const decoder = argumentsOf(command);
    const mechanism = decoder.atom();
    const initial = decoder.maybeSp() ? decoder.astring() : undefined;
    decoder.end();
    const { sasl, sessions } = session.services;
    const looksBefore = sessions.looks;
    const exchange = sasl.exchange(session.security.saslClient());
    let answer = await exchange.begin(mechanism, initial);
    while (answer.kind === 'challenge') {
      session.output.line(`+ ${answer.base64}`);
      const line = await session.nextLine();
      if (line === undefined) return bad('Authentication aborted.');
      answer = await exchange.step(line);
    }
    if (answer.kind === 'success') return session.enter(answer.login, looksBefore, command.tag);
    return answer.why === 'wrong' || answer.why === 'closed' ? session.failed(wrong) : answerTo(answer);
  },
};

function answerTo({ why, retrySeconds = 1 }: Extract<SaslAnswer, { kind: 'failure' }>): Completion {
  switch (why) {
    case 'put off':
      return putOff(retrySeconds);
    case 'temporary':
      return inTrouble;
    case 'unsupported':
      return no('Unsupported authentication mechanism.', 'CANNOT');
    case 'cancelled':
      return bad('Authentication aborted by client.');
    case 'malformed':
      return bad('Invalid base64 data or response of the mechanism.');
    default:
      return wrong;
  }
}
