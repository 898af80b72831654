// A name server for tests, on a free port of loopback (RFC 1035, UDP and TCP): it answers from the zone that a test gives, for every name, as a resolver would.
//
//   { 'example.jp': { MX: [[10, 'mx.example.jp']], A: ['127.0.0.2'] }, 'www.example.jp': { CNAME: 'example.jp' }, 'slow.example': 'SERVFAIL' }
//
// A name that is not there gives NXDOMAIN; one without records of the type asked for gives none. CNAMEs are followed within the zone. An answer over 512 bytes is cut off and
// marked as such over UDP, so that it is asked for again by TCP.

import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';

export interface Records {
  readonly MX?: readonly (readonly [number, string])[];
  readonly A?: readonly string[];
  readonly AAAA?: readonly string[];
  readonly CNAME?: string;
  readonly TXT?: readonly string[];
}
/** `SILENT` never answers. */
export type ZoneEntry = Records | 'SERVFAIL' | 'REFUSED' | 'SILENT';
export type Zone = Readonly<Record<string, ZoneEntry>>;

export interface NameServer {
  /** As node's resolver takes it. */
  readonly address: string;
  /** What was asked: `MX example.jp`. */
  readonly asked: readonly string[];
  stop(): Promise<void>;
}

type Type = 'MX' | 'A' | 'AAAA' | 'CNAME' | 'TXT';
const types: Readonly<Record<number, Type>> = { 1: 'A', 5: 'CNAME', 15: 'MX', 16: 'TXT', 28: 'AAAA' };
const numbers = { A: 1, CNAME: 5, MX: 15, TXT: 16, AAAA: 28 } as const;
const codes = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const;

export async function startNameServer(zone: Zone): Promise<NameServer> {
  const asked: string[] = [];
  const tcp = net.createServer((socket) => {
    let input = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      input = Buffer.concat([input, chunk]);
      while (input.length >= 2 && input.length >= 2 + input.readUInt16BE(0)) {
        const length = input.readUInt16BE(0);
        const reply = answer(zone, input.subarray(2, 2 + length), asked);
        input = input.subarray(2 + length);
        if (reply === undefined) continue;
        const size = Buffer.alloc(2);
        size.writeUInt16BE(reply.length);
        socket.write(Buffer.concat([size, reply]));
      }
    });
  });
  tcp.listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const place = tcp.address();
  if (place === null || typeof place === 'string') throw new Error('no port');
  const udp = dgram.createSocket('udp4');
  udp.on('message', (query, from) => {
    const reply = answer(zone, query, asked);
    if (reply !== undefined) udp.send(reply.length > 512 ? truncated(reply, query) : reply, from.port, from.address);
  });
  udp.bind(place.port, '127.0.0.1');
  await once(udp, 'listening');
  return {
    address: `127.0.0.1:${place.port}`,
    asked,
    stop: async () => {
      udp.close();
      tcp.close();
    },
  };
}

function answer(zone: Zone, query: Buffer, asked: string[]): Buffer | undefined {
  const { name, end } = readName(query, 12);
  const type = types[query.readUInt16BE(end)];
  asked.push(`${type ?? query.readUInt16BE(end)} ${name}`);
  const question = query.subarray(12, end + 4);
  const entry = zone[name];
  if (entry === 'SILENT') return undefined;
  if (entry === 'SERVFAIL' || entry === 'REFUSED') return reply(query, codes[entry], question, []);
  const records: Buffer[] = [];
  let owner = name;
  let found: ZoneEntry | undefined = entry;
  for (let links = 0; typeof found === 'object' && found.CNAME !== undefined && links < 8; links++) {
    records.push(record(owner, numbers.CNAME, writeName(found.CNAME)));
    owner = found.CNAME;
    found = zone[owner];
  }
  if (typeof found === 'object' && type !== undefined) records.push(...recordsOf(owner, found, type));
  return reply(query, found === undefined ? codes.NXDOMAIN : codes.NOERROR, question, records);
}

function recordsOf(owner: string, records: Records, type: Type): Buffer[] {
  if (type === 'A')
    return (records.A ?? []).map((ip) => record(owner, numbers.A, Buffer.from(ip.split('.').map(Number))));
  if (type === 'AAAA') return (records.AAAA ?? []).map((ip) => record(owner, numbers.AAAA, ipv6Bytes(ip)));
  if (type === 'TXT') return (records.TXT ?? []).map((text) => record(owner, numbers.TXT, writeTexts(text)));
  if (type !== 'MX') return [];
  return (records.MX ?? []).map(([preference, host]) => {
    const head = Buffer.alloc(2);
    head.writeUInt16BE(preference);
    return record(owner, numbers.MX, Buffer.concat([head, writeName(host)]));
  });
}

function reply(query: Buffer, code: number, question: Buffer, records: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(12);
  query.copy(head, 0, 0, 2);
  head.writeUInt16BE(0x8180 | code, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(records.length, 6);
  return Buffer.concat([head, question, ...records]);
}

function truncated(whole: Buffer, query: Buffer): Buffer {
  const { end } = readName(query, 12);
  const cut = Buffer.from(whole.subarray(0, end + 4));
  cut.writeUInt16BE(cut.readUInt16BE(2) | 0x0200, 2);
  cut.writeUInt16BE(0, 6);
  return cut;
}

function record(owner: string, type: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(0, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([writeName(owner), fixed, data]);
}

function writeName(name: string): Buffer {
  const labels = name.split('.').filter((label) => label !== '');
  return Buffer.concat([
    ...labels.flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]),
    Buffer.from([0]),
  ]);
}

/** Strings of 255 bytes at most. */
function writeTexts(text: string): Buffer {
  const pieces = text.match(/.{1,255}/gs) ?? [''];
  return Buffer.concat(pieces.flatMap((piece) => [Buffer.of(piece.length), Buffer.from(piece, 'latin1')]));
}

function readName(message: Buffer, start: number): { name: string; end: number } {
  const labels: string[] = [];
  let at = start;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

function ipv6Bytes(ip: string): Buffer {
  const [before = '', after = ''] = ip.split('::');
  const words = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16));
  const [head, tail] = [words(before), words(after)];
  const all = [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail];
  return Buffer.from(all.flatMap((word) => [word >> 8, word & 255]));
}
