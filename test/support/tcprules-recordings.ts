// The recordings of tcprules and tcprulescheck: what was compiled, what it became, and what clients met.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { bytesOf, fixtures, type RecordedBytes, recordingNames } from './recording.js';

interface Recorded {
  readonly name: string;
  readonly about: string;
  readonly rules: RecordedBytes;
  readonly exit: number | null;
  readonly hangs?: boolean;
  readonly stdout: RecordedBytes;
  readonly stderr: RecordedBytes;
  readonly cdb: { readonly size: number; readonly mode: string; readonly gzip_base64: string } | null;
  readonly tmp_left?: number;
  readonly dump?: RecordedBytes;
  readonly lookups: readonly {
    readonly env: Readonly<Record<string, string>>;
    readonly stdout: RecordedBytes;
    readonly stderr?: RecordedBytes;
    readonly exit: number;
  }[];
}

/** One recording with its bytes unpacked. `exit` is undefined where the original never ended. */
export interface RulesRecording {
  readonly name: string;
  readonly about: string;
  readonly rules: Buffer;
  readonly exit: number | undefined;
  readonly stderr: Buffer;
  readonly cdb: { readonly bytes: Buffer; readonly mode: number } | undefined;
  readonly dump: Buffer | undefined;
  readonly tmpLeft: number | undefined;
  readonly lookups: readonly { readonly env: Record<string, string>; readonly stdout: Buffer; readonly exit: number }[];
}

/** All of them, by name. */
export function rulesRecordings(): RulesRecording[] {
  return recordingNames('tcprules').map((name) => {
    const file = path.join(fixtures, 'recordings/tcprules', `${name}.json`);
    return unpacked(JSON.parse(readFileSync(file, 'utf8')) as Recorded);
  });
}

function unpacked(recorded: Recorded): RulesRecording {
  const { cdb, dump } = recorded;
  return {
    name: recorded.name,
    about: recorded.about,
    rules: bytesOf(recorded.rules),
    exit: recorded.exit ?? undefined,
    stderr: bytesOf(recorded.stderr),
    cdb:
      cdb === null
        ? undefined
        : { bytes: gunzipSync(Buffer.from(cdb.gzip_base64, 'base64')), mode: Number.parseInt(cdb.mode, 8) },
    dump: dump === undefined ? undefined : bytesOf(dump),
    tmpLeft: recorded.tmp_left,
    lookups: recorded.lookups.map(({ env, stdout, exit }) => ({
      env: latin1Values(env),
      stdout: bytesOf(stdout),
      exit,
    })),
  };
}

function latin1Values(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, Buffer.from(value).toString('latin1')]));
}
