// What ties a login to the TLS connection that it comes in, for SCRAM-...-PLUS: data that both ends know and nobody in the middle can have on both of his connections.
//
//   tls-exporter            RFC 9266: keying material that is exported under a label of its own            TLS 1.3
//   tls-unique              RFC 5929 3: the first Finished message of the handshake                        TLS 1.2 and older, not where a session was resumed
//   tls-server-end-point    RFC 5929 4: a hash of the server's certificate, by the hash of its signature   any, where the signature has one

import { createHash } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { signatureHash } from '../formats/x509-signature.js';

const exporterLabel = 'EXPORTER-Channel-Binding';
const exporterBytes = 32;

/** Gives the channel bindings of a server's connection, by type. They are looked for once, when they are asked for. */
export function channelBindingsOf(socket: TLSSocket): () => ReadonlyMap<string, Buffer> {
  let found: ReadonlyMap<string, Buffer> | undefined;
  return () => {
    found ??= find(socket);
    return found;
  };
}

function find(socket: TLSSocket): ReadonlyMap<string, Buffer> {
  const bindings = new Map<string, Buffer>();
  if (socket.getProtocol() === 'TLSv1.3')
    bindings.set('tls-exporter', socket.exportKeyingMaterial(exporterBytes, exporterLabel, Buffer.alloc(0)));
  else if (!socket.isSessionReused()) add(bindings, 'tls-unique', socket.getPeerFinished());
  add(bindings, 'tls-server-end-point', endPoint(socket));
  return bindings;
}

function add(bindings: Map<string, Buffer>, type: string, data: Buffer | undefined): void {
  if (data !== undefined && data.length > 0) bindings.set(type, data);
}

function endPoint(socket: TLSSocket): Buffer | undefined {
  const certificate = socket.getCertificate();
  const der = certificate !== null && 'raw' in certificate ? certificate.raw : undefined;
  const signedBy = der && signatureHash(der);
  if (der === undefined || signedBy === undefined) return undefined;
  const hash = signedBy === 'md5' || signedBy === 'sha1' ? 'sha256' : signedBy;
  return createHash(hash).update(der).digest();
}
