// The PROXY protocol of HAProxy (proxy-protocol.txt, versions 1 and 2): what a proxy sends in front of a connection to say from whom and to where it is.
//
//   version 1   one line of at most 107 bytes with its CR LF
//               PROXY TCP4 192.0.2.9 192.0.2.1 56324 110
//               PROXY TCP6 2001:db8::9 2001:db8::1 56324 110
//               PROXY UNKNOWN ...                                what follows is not looked at
//   version 2   12 bytes 0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A, then
//               version and command   1 byte     0x20 LOCAL, 0x21 PROXY
//               family                1 byte     0x11 TCP over IPv4, 0x21 TCP over IPv6; others carry no addresses that we can use
//               length                2 bytes    of what follows: addresses, ports, then TLVs {type 1, length 2, value}
//
// LOCAL, UNKNOWN and families without IP addresses: the connection is the proxy's own (it looks whether we are alive). Of the TLVs only PP2_TYPE_SSL is read: whether the client spoke
// TLS with the proxy. Everything else that is not to the letter is invalid, and nothing behind it may be believed: the specification forbids to guess.

import net from 'node:net';

/** Both ends of the client's connection to the proxy. Addresses as the proxy wrote them (version 1), or dotted and `:`-separated groups (version 2). */
export interface ProxiedConnection {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** Whether the client spoke TLS with the proxy, as far as that says so. */
  readonly isTls: boolean;
}

export type ProxyHeader =
  /** The bytes are the beginning of a header. */
  | { readonly kind: 'more' }
  | { readonly kind: 'invalid'; readonly why: string }
  /** A header of `length` bytes; without a connection it is the proxy's own. */
  | { readonly kind: 'header'; readonly length: number; readonly connection: ProxiedConnection | undefined };

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const firstWord = Buffer.from('PROXY ', 'latin1');
const longestLine = 107;
/** Of what follows the first 16 bytes of version 2: addresses and TLVs. Proxies send some hundreds of bytes at most. */
const longestTail = 8192;
const headBytes = 16;

/** The most bytes that have to be looked at. */
export const longestProxyHeader = headBytes + longestTail;

/** Reads the header at the beginning of what has come so far. */
export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  if (isBeginning(bytes, firstWord)) return versionOne(bytes);
  if (isBeginning(bytes, signature)) return versionTwo(bytes);
  return invalid('there is no PROXY header');
}

/** Whether what came is the beginning of `expected`, or begins with it. */
function isBeginning(bytes: Buffer, expected: Buffer): boolean {
  const length = Math.min(bytes.length, expected.length);
  return bytes.subarray(0, length).equals(expected.subarray(0, length));
}

function invalid(why: string): ProxyHeader {
  return { kind: 'invalid', why };
}

function versionOne(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, longestLine).indexOf('\r\n');
  if (end < 0) return bytes.length >= longestLine ? invalid('the PROXY line does not end') : { kind: 'more' };
  const line = bytes.toString('latin1', 0, end);
  const length = end + 2;
  if (/^PROXY UNKNOWN(?: |$)/.test(line)) return { kind: 'header', length, connection: undefined };
  const [, family, remote = '', local = '', remotePort = '', localPort = ''] =
    /^PROXY TCP([46]) (\S+) (\S+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})$/.exec(line) ?? [];
  const isAddress = family === '4' ? net.isIPv4 : net.isIPv6;
  const isSound = [remote, local].every((address) => isAddress(address) && !address.includes('%'));
  const ports = [Number(remotePort), Number(localPort)] as const;
  if (family === undefined || !isSound || Math.max(...ports) > 65_535) return invalid('the PROXY line is malformed');
  const connection = {
    remoteAddress: remote,
    remotePort: ports[0],
    localAddress: local,
    localPort: ports[1],
    isTls: false,
  };
  return { kind: 'header', length, connection };
}

/** Bytes of an address by the family byte: TCP over IPv4, TCP over IPv6. */
const addressBytes: ReadonlyMap<number, 4 | 16> = new Map([
  [0x11, 4],
  [0x21, 16],
]);

function versionTwo(bytes: Buffer): ProxyHeader {
  if (bytes.length < headBytes) return { kind: 'more' };
  const command = bytes.readUInt8(12);
  const tailBytes = bytes.readUInt16BE(14);
  if (command !== 0x20 && command !== 0x21)
    return invalid(`a PROXY header of an unknown kind, 0x${command.toString(16)}`);
  if (tailBytes > longestTail) return invalid(`a PROXY header of ${tailBytes} bytes`);
  const length = headBytes + tailBytes;
  if (bytes.length < length) return { kind: 'more' };
  const width = addressBytes.get(bytes.readUInt8(13));
  if (command === 0x20 || width === undefined) return { kind: 'header', length, connection: undefined };
  const tail = bytes.subarray(headBytes, length);
  const fixed = 2 * width + 4;
  if (tail.length < fixed) return invalid('a PROXY header without its addresses');
  const connection = {
    remoteAddress: addressText(tail.subarray(0, width)),
    localAddress: addressText(tail.subarray(width, 2 * width)),
    remotePort: tail.readUInt16BE(2 * width),
    localPort: tail.readUInt16BE(2 * width + 2),
    isTls: saysTls(tail.subarray(fixed)),
  };
  return { kind: 'header', length, connection };
}

function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  return Array.from({ length: 8 }, (_, group) => bytes.readUInt16BE(2 * group).toString(16)).join(':');
}

const typeSsl = 0x20;
const clientUsedTls = 0x01;

/** PP2_TYPE_SSL: its first byte has the bit for "the client connected over SSL/TLS". TLVs that are cut off end the search. */
function saysTls(tlvs: Buffer): boolean {
  for (let at = 0; at + 3 <= tlvs.length; ) {
    const [type, length] = [tlvs.readUInt8(at), tlvs.readUInt16BE(at + 1)];
    const value = tlvs.subarray(at + 3, at + 3 + length);
    if (type === typeSsl && value.length >= 1) return (value.readUInt8(0) & clientUsedTls) !== 0;
    at += 3 + length;
  }
  return false;
}
