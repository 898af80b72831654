// By which hash a certificate was signed: all that is needed of X.509 (RFC 5280 4.1) beyond what node tells. DER:
//
//   30 L  Certificate
//     30 L  tbsCertificate
//     30 L  signatureAlgorithm
//       06 L  object identifier       06 09 2a 86 48 86 f7 0d 01 01 0b     sha256WithRSAEncryption
//
// Lengths have one byte, or 0x81 to 0x84 and as many bytes.

/** The object identifiers as their bytes in hex, and their hash. */
const hashes: ReadonlyMap<string, string> = new Map([
  ['2a864886f70d010104', 'md5'],
  ['2a864886f70d010105', 'sha1'],
  ['2a864886f70d01010b', 'sha256'],
  ['2a864886f70d01010c', 'sha384'],
  ['2a864886f70d01010d', 'sha512'],
  ['2a8648ce3d0401', 'sha1'],
  ['2a8648ce3d040302', 'sha256'],
  ['2a8648ce3d040303', 'sha384'],
  ['2a8648ce3d040304', 'sha512'],
]);

const sequence = 0x30;
const objectIdentifier = 0x06;

interface Element {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

/** @param der a certificate @returns node's name of the hash; undefined for a signature that has none of its own (Ed25519, RSA-PSS), and for what is no certificate */
export function signatureHash(der: Buffer): string | undefined {
  const certificate = elementAt(der, 0);
  if (certificate?.tag !== sequence) return undefined;
  const signed = elementAt(der, certificate.start);
  const algorithm = signed && elementAt(der, signed.end);
  const identifier = algorithm?.tag === sequence ? elementAt(der, algorithm.start) : undefined;
  if (identifier?.tag !== objectIdentifier) return undefined;
  return hashes.get(der.toString('hex', identifier.start, identifier.end));
}

function elementAt(der: Buffer, at: number): Element | undefined {
  const tag = der[at];
  const first = der[at + 1];
  if (tag === undefined || first === undefined) return undefined;
  const size = first < 0x80 ? 0 : first - 0x80;
  if (size > 4 || at + 2 + size > der.length) return undefined;
  const length = size === 0 ? first : der.readUIntBE(at + 2, size);
  const start = at + 2 + size;
  return start + length > der.length ? undefined : { tag, start, end: start + length };
}
