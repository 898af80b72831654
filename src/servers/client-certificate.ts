// The certificate that a client shows when it is asked for one: whose it is, and whether one of the host's authorities for clients vouches for it (stores/certificates/client-authorities.ts).

import type { TLSSocket } from 'node:tls';

export interface ClientCertificate {
  /** The first e-mail address of its subject; undefined when it has none. */
  readonly address: string | undefined;
  /** Why it is not believed; undefined: it is. */
  readonly trouble: string | undefined;
}

/** undefined: the client has shown none. */
export function clientCertificateOf(socket: TLSSocket): ClientCertificate | undefined {
  const { subject } = socket.getPeerCertificate() ?? {};
  if (subject === undefined) return undefined;
  const named: unknown = Reflect.get(subject, 'emailAddress');
  const first: unknown = Array.isArray(named) ? named[0] : named;
  return {
    address: typeof first === 'string' && first !== '' ? first : undefined,
    trouble: verificationTrouble(socket),
  };
}

/** node says it on connections of its own servers alone; here its handle has to be asked. */
function verificationTrouble(socket: TLSSocket): string | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  const ask: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'verifyError') : undefined;
  if (typeof ask !== 'function') return 'this version of node does not say whether it is genuine';
  const error: unknown = Reflect.apply(ask, handle, []);
  if (error === null || error === undefined) return undefined;
  return error instanceof Error ? error.message : String(error);
}
