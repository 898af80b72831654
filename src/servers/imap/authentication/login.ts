// LOGIN (RFC 9051 6.2.3), and what a login that failed is answered.

import { argumentsOf, type Completion, type ImapCommand, no } from '../command.js';

/** Of a wrong name, a wrong secret, an account that is closed: nobody learns which. */
export const wrong: Completion = no('Authentication failed.', 'AUTHENTICATIONFAILED');

/** No client asks for another password on this. */
export const inTrouble: Completion = no('Temporary authentication failure.', 'UNAVAILABLE');

export function putOff(retrySeconds: number): Completion {
  return no(`Too many failed logins, try again in ${Math.ceil(retrySeconds)} seconds.`, 'UNAVAILABLE');
}

export const login: ImapCommand = {
  state: 'before-login',
  async run(session, command) {
    const decoder = argumentsOf(command);
    const name = decoder.astring();
    decoder.sp();
    const password = decoder.astring();
    decoder.end();
    if (!(await session.security.mayPasswordBeSent()))
      return no('A password is not taken in clear here: use STARTTLS first.', 'PRIVACYREQUIRED');
    const { logins, sessions } = session.services;
    const { service, origin } = session.security.saslClient();
    const { remoteIp, localIp } = origin;
    const looksBefore = sessions.looks;
    const outcome = await logins.login({ service, login: name, secret: { password }, remoteIp, localIp });
    if (outcome.ok) return session.enter(outcome, looksBefore, command.tag);
    return session.failed(outcome.why === 'put off' ? putOff(outcome.retrySeconds) : wrong);
  },
};
