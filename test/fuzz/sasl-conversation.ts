// Any SASL conversations with a server of a text protocol: mechanisms it has and others, initial responses, answers to challenges, right in form or not.

import fc from 'fast-check';
import { saslMechanisms } from '../support/sasl-client.js';

export const anyBytes = (maxLength: number): fc.Arbitrary<string> =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array).toString('latin1'));

/** An answer to a challenge. @param plain one of PLAIN, in base64 @param other what is not even base64 */
export function saslResponse(plain: string, other: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.oneof(
    anyBytes(60).map((text) => Buffer.from(text, 'latin1').toString('base64')),
    fc.constantFrom('', '=', '*', '!', plain, 'biwsbj11c2VyLHI9YWJj', 'am9lQGV4YW1wbGUuanA='),
    other,
  );
}

export const anyMechanism: fc.Arbitrary<string> = fc.constantFrom(
  ...saslMechanisms,
  'SCRAM-SHA-1-PLUS',
  'ANONYMOUS',
  'plain',
  '',
);

const response = saslResponse(
  'AHRlc3RAbWFpbHRlc3QuZXhhbXBsZS5qcAB3cm9uZw==',
  anyBytes(20).map((text) => text.replace(/[\r\n]/g, '?')),
);

export interface SaslConversation {
  readonly exchanges: readonly (readonly [
    mechanism: string,
    initial: string | undefined,
    answers: readonly string[],
  ])[];
  /** Where the bytes are cut into packets. */
  readonly pieces: readonly number[];
}

export const saslConversation: fc.Arbitrary<SaslConversation> = fc.record({
  exchanges: fc.array(
    fc.tuple(anyMechanism, fc.option(response, { nil: undefined }), fc.array(response, { maxLength: 4 })),
    { minLength: 1, maxLength: 4 },
  ),
  pieces: fc.array(fc.nat(300), { maxLength: 3 }),
});

/** Sends all of it. @param verb begins an exchange: `AUTH` */
export async function sendConversation(
  send: (bytes: Buffer) => void,
  verb: string,
  { exchanges, pieces }: SaslConversation,
): Promise<void> {
  const lines = exchanges.flatMap(([name, initial, answers]) => [
    [verb, name, ...(initial === undefined ? [] : [initial])].join(' '),
    ...answers,
  ]);
  const text = Buffer.from(lines.map((line) => `${line}\r\n`).join(''), 'latin1');
  const cuts = [0, ...pieces.filter((cut) => cut < text.length).sort((a, b) => a - b), text.length];
  for (const [index, cut] of cuts.slice(1).entries()) {
    send(text.subarray(cuts[index], cut));
    await new Promise((resolve) => setImmediate(resolve));
  }
}
