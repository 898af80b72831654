// The client's half of Dovecot's authentication protocol (protocols/dovecot-auth.ts has the server's and the grammar): what is sent, and what a line of the server says.

import { escapeValue, unescapeValue } from './dovecot-auth.js';

/** The first lines of a client. Minor version 2: an empty resp= is an empty response, and FAIL has a code. */
export function clientHandshake(pid: number): string {
  return `VERSION\t1\t2\nCPID\t${pid}\n`;
}

/** A login by PLAIN. @param parameters `rip`, `lip`, ...; those with an empty value are left out */
export function plainLogin(
  id: number,
  service: string,
  parameters: Readonly<Record<string, string>>,
  user: string,
  password: string,
): string {
  const given = Object.entries({ service, ...parameters }).flatMap(([name, value]) =>
    value === '' ? [] : [`${name}=${escapeValue(value)}`],
  );
  const response = Buffer.from(`\0${user}\0${password}`, 'latin1').toString('base64');
  return `${['AUTH', id, 'PLAIN', 'nologin', ...given, `resp=${response}`].join('\t')}\n`;
}

/** Asks where the mail of a user is. */
export function userLookUp(id: number, name: string, service: string): string {
  return `${['USER', id, escapeValue(name), `service=${escapeValue(service)}`].join('\t')}\n`;
}

/** What a server answered to a request. */
export interface AuthAnswer {
  /** `OK`, `FAIL`, `CONT`, `USER`, `NOTFOUND`, or what else there may be. */
  readonly verb: string;
  readonly id: number;
  /** The field behind the id that is no parameter: the name behind USER, the base64 behind CONT; '' for others. */
  readonly argument: string;
  /** Those without a value have an empty one. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Reads a line, without its LF. undefined: it answers no request (VERSION, MECH, ...). */
export function parseAnswer(line: string): AuthAnswer | undefined {
  const [verb = '', id = '', ...fields] = line.split('\t');
  if (!/^(?:OK|FAIL|CONT|USER|NOTFOUND)$/.test(verb) || !/^\d{1,10}$/.test(id)) return undefined;
  const argument = verb === 'USER' || verb === 'CONT' ? unescapeValue(fields.shift() ?? '') : '';
  const parameters = fields.map((field): [string, string] => {
    const equals = field.indexOf('=');
    return equals < 0 ? [field, ''] : [field.slice(0, equals), unescapeValue(field.slice(equals + 1))];
  });
  return { verb, id: Number(id), argument, parameters: new Map(parameters) };
}
