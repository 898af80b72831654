// Debian's tcprules and tcprulescheck (ucspi-tcp-ipv6) beside ours: the same database from the same text, the same verdict on the same client, each
// reading what the other made; and random rules through both compilers.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { tcprules } from '../../src/cli/databases/tcprules.js';
import { tcprulescheck } from '../../src/cli/databases/tcprulescheck.js';
import { Layout } from '../../src/layout.js';
import { capturedIo } from '../support/captured-io.js';
import { needs } from '../support/needs.js';
import { newRoot, removeRoot } from '../support/recording.js';
import { rulesRecordings } from '../support/tcprules-recordings.js';

const root = newRoot();
after(() => removeRoot(root));

const inRoot = (name: string): string => path.join(root, name);

interface Outcome {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly database: Buffer | undefined;
}

function taken(name: string): Buffer | undefined {
  if (!fs.existsSync(inRoot(name))) return undefined;
  const bytes = fs.readFileSync(inRoot(name));
  fs.rmSync(inRoot(name));
  return bytes;
}

/** What the original makes of a text; undefined when it does not end (a line without an instruction). */
function theirs(input: Buffer): Outcome | undefined {
  const { status, stdout, stderr } = spawnSync('tcprules', ['rules.cdb', 'rules.tmp'], {
    cwd: root,
    input,
    timeout: 5000,
  });
  if (status === null) return undefined;
  return {
    exit: status,
    stdout: stdout.toString('latin1'),
    stderr: stderr.toString('latin1'),
    database: taken('rules.cdb'),
  };
}

async function ours(stdin: Buffer): Promise<Outcome> {
  const io = capturedIo({ layout: new Layout({ root }), workingDirectory: root, stdin });
  const exit = await tcprules(['rules.cdb', 'rules.tmp'], io);
  const { stdout, stderr } = io.written();
  return { exit, stdout: stdout.toString('latin1'), stderr: stderr.toString('latin1'), database: taken('rules.cdb') };
}

/** Both programs' word on a client, over one database. */
async function verdicts(database: string, env: Record<string, string>): Promise<[string, string]> {
  const original = spawnSync('tcprulescheck', [database], { cwd: root, env: encoded(env), encoding: 'latin1' });
  const io = capturedIo({ layout: new Layout({ root }), workingDirectory: root, env });
  await tcprulescheck([database], io);
  return [original.stdout, io.written().stdout.toString('latin1')];
}

/** Node encodes environment values as UTF-8; the tests' values hold bytes below 128 only, or UTF-8 read as Latin-1. */
function encoded(env: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, Buffer.from(value, 'latin1').toString()]),
  );
}

describe('the recorded texts', () => {
  for (const recording of rulesRecordings().filter(({ exit }) => exit !== undefined)) {
    it(recording.name, async (t) => {
      if (!needs(t, 'tcprules', 'tcprulescheck')) return;
      const original = theirs(recording.rules);
      assert.deepEqual(await ours(recording.rules), original);
      if (original?.database === undefined) return;
      fs.writeFileSync(inRoot('made.cdb'), original.database);
      for (const { env } of recording.lookups) {
        const [a, b] = await verdicts('made.cdb', env);
        assert.equal(b, a, JSON.stringify(env));
      }
    });
  }
});

describe('random rules', () => {
  const address = fc
    .array(fc.constantFrom('1', '10', '255', '256', '007', '.', '.', '-', '-', ':', '=', '@', 'a', '.b', '/', ''), {
      maxLength: 7,
    })
    .map((pieces) => pieces.join(''));
  const setting = fc.tuple(
    fc.constantFrom(',', ',', ',', ''),
    fc.constantFrom('A=', 'B=', '=', 'A', 'a,b='),
    fc.constantFrom('"x"', '""', '/y/', 'xax', '"', '', ',,', '"a,b"', '"x"y', '\0v\0'),
  );
  const rule = fc
    .tuple(
      address,
      fc.constantFrom(':allow', ':deny', ':allow', ':allowed', ':deny:allow'),
      fc.array(setting, { maxLength: 3 }),
      fc.constantFrom('', '', ' ', '\t \t', '\r', ' x', '\0'),
    )
    .map(([where, what, settings, end]) => where + what + settings.map((parts) => parts.join('')).join('') + end);
  const line = fc.oneof({ weight: 8, arbitrary: rule }, { weight: 1, arbitrary: fc.constantFrom('', '# c', '#:deny') });
  const text = fc
    .tuple(fc.array(line, { maxLength: 4 }), fc.constantFrom('', '\n'))
    .map(([lines, end]) => Buffer.from(lines.join('\n') + end, 'latin1'));

  it('one line at a time and several: the same database or the same refusal', async (t) => {
    if (!needs(t, 'tcprules')) return;
    await fc.assert(
      fc.asyncProperty(text, async (rules) => {
        assert.deepEqual(await ours(rules), theirs(rules));
      }),
      { numRuns: 400 },
    );
  });
});

describe('random clients', () => {
  const rules = [
    'joe@10.1.2.3:allow,A="ident"',
    'joe@=mail.example.jp:allow,A="ident at host"',
    '10.1.2.3:allow,A="address",B="2"',
    '10.1.:deny',
    '10.:allow',
    '=mail.example.jp:allow,A="host"',
    '=.example.jp:deny',
    '=:allow,A="any host"',
    '2001:db8::allow,A="net"',
    '2001:db8::1:deny',
    ':deny,C="x"',
  ];
  const client = fc.record(
    {
      TCPREMOTEIP: fc.constantFrom(
        '10.1.2.3',
        '10.1.9.9',
        '10.9.9.9',
        '192.0.2.1',
        '2001:db8::1',
        '2001:db8::2',
        '::1',
        '',
        'x.y:z',
      ),
      TCPREMOTEINFO: fc.constantFrom('joe', '', 'ann'),
      TCPREMOTEHOST: fc.constantFrom('mail.example.jp', 'a.example.jp', 'example.org', '', '.', 'a..b'),
    },
    { requiredKeys: [] },
  );

  it('the same verdict over random parts of a text', async (t) => {
    if (!needs(t, 'tcprules', 'tcprulescheck')) return;
    await fc.assert(
      fc.asyncProperty(fc.subarray(rules), client, async (lines, env) => {
        const { database } = await ours(Buffer.from(lines.join('\n')));
        fs.writeFileSync(inRoot('made.cdb'), database ?? '');
        const [a, b] = await verdicts('made.cdb', env);
        assert.equal(b, a);
      }),
      { numRuns: 200 },
    );
  });
});
