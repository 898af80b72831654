// The compatibility promise: for every file of every recording, parse then serialize gives the same bytes; and what the original programs compiled from a
// text (users/cdb, vpasswd.cdb, smtp.cdb, morercpthosts.cdb) is compiled from the same text to the same bytes.

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { parseControlDocument, serializeControlDocument } from '../../src/formats/controls/control-file.js';
import { moreRcptHostsKeys } from '../../src/formats/controls/rcpthosts.js';
import { assignRecords, parseAssign, serializeAssign } from '../../src/formats/controls/users-assign.js';
import { makeCdb } from '../../src/formats/databases/cdb.js';
import { compileRules } from '../../src/formats/databases/tcprules.js';
import { parseRulesDocument, serializeRulesDocument } from '../../src/formats/databases/tcprules-document.js';
import { parseAccountDotQmail, serializeAccountDotQmail } from '../../src/formats/dot-qmail/account-dot-qmail.js';
import { parseDotQmail, serializeDotQmail } from '../../src/formats/dot-qmail/dot-qmail.js';
import { parseMaildirBase, parseMaildirName, serializeMaildirName } from '../../src/formats/maildir/maildir-name.js';
import { parseMaildirsize, serializeMaildirsize } from '../../src/formats/maildir/maildirsize.js';
import { parseDirControl, serializeDirControl } from '../../src/formats/vpopmail/dir-control.js';
import { parseLimitsDocument, serializeLimitsDocument } from '../../src/formats/vpopmail/domain-limits.js';
import { parseIpAliasMap, serializeIpAliasMap } from '../../src/formats/vpopmail/ip-alias-map.js';
import { parseOpenSmtp, relayRules, serializeOpenSmtp } from '../../src/formats/vpopmail/open-smtp.js';
import { parseVpasswd, serializeVpasswd, vpasswdCdbRecords } from '../../src/formats/vpopmail/vpasswd.js';
import { bytesOf, contentOf, type Entry, loadRecording, recordingNames } from '../support/recording.js';

type Tree = Map<string, Buffer>;

/** A recorded file as it was at some moment: who put it there, and the files around it. */
interface Moment {
  readonly where: string;
  readonly file: string;
  readonly bytes: Buffer;
  readonly madeBy: 'before' | 'tester' | 'program';
  readonly tree: Tree;
}

const kinds = ['delivery', 'pop3', 'smtp', 'tcprules', 'users', 'vpopmail'];

/** Every state of every file of every recording, with the tree as it was after that step. */
function* moments(): Generator<Moment> {
  for (const kind of kinds) {
    for (const name of recordingNames(kind)) {
      const recording = loadRecording(kind, name);
      const tree: Tree = new Map();
      yield* put(tree, recording.before ?? {}, `${kind}/${name}`, 'before');
      for (const [index, step] of (recording.steps ?? []).entries()) {
        const where = `${kind}/${name} step ${index + 1}`;
        if (step.write !== undefined) yield* put(tree, step.write, where, 'tester');
        if (step.changed !== undefined) yield* put(tree, step.changed, where, 'program');
      }
    }
  }
}

type Files = Readonly<Record<string, Entry | string | null>>;

function* put(tree: Tree, files: Files, where: string, madeBy: Moment['madeBy']): Generator<Moment> {
  const written: string[] = [];
  for (const [file, value] of Object.entries(files)) {
    const bytes = value === null ? undefined : fileContent(typeof value === 'string' ? { text: value } : value);
    if (bytes !== undefined) {
      tree.set(file, bytes);
      written.push(file);
    } else if (value === null) {
      for (const known of [...tree.keys()]) if (known === file || known.startsWith(`${file}/`)) tree.delete(known);
    }
  }
  for (const file of written) yield { where, file, bytes: tree.get(file) ?? Buffer.alloc(0), madeBy, tree };
}

/** The bytes of a recorded file; undefined for directories, links and entries that only change attributes. */
function fileContent(entry: Entry): Buffer | undefined {
  const hasContent = entry.text !== undefined || entry.base64 !== undefined || entry.gzip_base64 !== undefined;
  return hasContent ? contentOf(entry) : undefined;
}

type RoundTrip = (bytes: Buffer) => Buffer;
const formats: Record<string, { matches: (file: string) => boolean; roundTrip: RoundTrip; atLeast: number }> = {
  vpasswd: {
    matches: (file) => path.posix.basename(file) === 'vpasswd' || /\/vpasswd\.bak\.\d+$/.test(file),
    roundTrip: (bytes) => serializeVpasswd(parseVpasswd(bytes)),
    atLeast: 300,
  },
  'users/assign': {
    matches: (file) => file === '/var/qmail/users/assign',
    roundTrip: (bytes) => serializeAssign(parseAssign(bytes)),
    atLeast: 150,
  },
  '.qmail (qmail-local)': {
    matches: (file) => path.posix.basename(file).startsWith('.qmail') && !file.endsWith('-limits'),
    roundTrip: (bytes) => serializeDotQmail(parseDotQmail(bytes)),
    atLeast: 200,
  },
  '.qmail (vdelivermail)': {
    matches: (file) => path.posix.basename(file).startsWith('.qmail') && !file.endsWith('-limits'),
    roundTrip: (bytes) => serializeAccountDotQmail(parseAccountDotQmail(bytes)),
    atLeast: 200,
  },
  maildirsize: {
    matches: (file) => path.posix.basename(file) === 'maildirsize',
    roundTrip: (bytes) => serializeMaildirsize(parseMaildirsize(bytes)),
    atLeast: 100,
  },
  '.dir-control': {
    matches: (file) => path.posix.basename(file) === '.dir-control',
    roundTrip: (bytes) => {
      const state = parseDirControl(bytes);
      // One scenario writes a file that is none; it has no values and is never written back.
      assert.ok(state !== undefined || bytes.toString() === 'garbage\n');
      return state === undefined ? bytes : serializeDirControl(state);
    },
    atLeast: 200,
  },
  limits: {
    matches: (file) => /\/(\.qmailadmin-limits|vlimits\.default)$/.test(file),
    roundTrip: (bytes) => serializeLimitsDocument(parseLimitsDocument(bytes)),
    atLeast: 50,
  },
  ip_alias_map: {
    matches: (file) => file.endsWith('/etc/ip_alias_map'),
    roundTrip: (bytes) => serializeIpAliasMap(parseIpAliasMap(bytes)),
    atLeast: 7,
  },
  'open-smtp': {
    matches: (file) => /\/etc\/open-smtp(\.tmp.*)?$/.test(file),
    roundTrip: (bytes) => serializeOpenSmtp(parseOpenSmtp(bytes)),
    atLeast: 100,
  },
  'control files': {
    matches: (file) => /^\/var\/qmail\/control\/[a-z]+$/.test(file),
    roundTrip: (bytes) => serializeControlDocument(parseControlDocument(bytes)),
    atLeast: 500,
  },
  'access rules': {
    matches: (file) => file === '/etc/tcp/smtp',
    roundTrip: (bytes) => serializeRulesDocument(parseRulesDocument(bytes)),
    atLeast: 50,
  },
};

test('every recorded file is written back as it was read', () => {
  const seen = new Map<string, number>();
  for (const { where, file, bytes } of moments()) {
    for (const [name, { matches, roundTrip }] of Object.entries(formats)) {
      if (!matches(file)) continue;
      assert.equal(roundTrip(bytes).toString('latin1'), bytes.toString('latin1'), `${where} ${file}`);
      seen.set(name, (seen.get(name) ?? 0) + 1);
    }
  }
  for (const [name, { atLeast }] of Object.entries(formats))
    assert.ok((seen.get(name) ?? 0) >= atLeast, `${name}: ${seen.get(name)} files`);
});

test('the rules of the tcprules recordings are written back as they were read', () => {
  for (const name of recordingNames('tcprules')) {
    const rules = bytesOf(loadRecording('tcprules', name).rules);
    assert.deepEqual(serializeRulesDocument(parseRulesDocument(rules)), rules, name);
  }
});

test('vpasswd.cdb of the text beside it', () => {
  let compared = 0;
  for (const { where, file, bytes, madeBy, tree } of moments()) {
    if (path.posix.basename(file) !== 'vpasswd.cdb' || madeBy === 'tester') continue;
    const text = tree.get(path.posix.join(path.posix.dirname(file), 'vpasswd'));
    if (text === undefined) continue;
    // A shell command of the delivery recordings put rubbish there.
    if (bytes.length < 2048) continue;
    assert.ok(makeCdb(vpasswdCdbRecords(parseVpasswd(text))).equals(bytes), `${where} ${file}`);
    compared++;
  }
  assert.ok(compared >= 300, `${compared} compared`);
});

test('users/cdb of users/assign', () => {
  let compared = 0;
  for (const { where, file, bytes, madeBy, tree } of moments()) {
    const text = tree.get('/var/qmail/users/assign');
    if (file !== '/var/qmail/users/cdb' || madeBy === 'tester' || text === undefined) continue;
    assert.ok(makeCdb(assignRecords(parseAssign(text))).equals(bytes), `${where} ${file}`);
    compared++;
  }
  assert.ok(compared >= 150, `${compared} compared`);
});

test('smtp.cdb of the rules and open-smtp, as vchkpw and clearopensmtp make it', () => {
  let compared = 0;
  for (const { where, file, bytes, madeBy, tree } of moments()) {
    if (file !== '/etc/tcp/smtp.cdb' || madeBy !== 'program') continue;
    const rules = tree.get('/etc/tcp/smtp') ?? Buffer.alloc(0);
    const clients = relayRules(parseOpenSmtp(tree.get('/home/vpopmail/etc/open-smtp') ?? Buffer.alloc(0)));
    const text = Buffer.concat([rules, Buffer.from(clients, 'latin1')]);
    assert.ok(makeCdb(compileRules(text, '/etc/tcp/smtp')).equals(bytes), `${where}\n${text}`);
    compared++;
  }
  assert.ok(compared >= 50, `${compared} compared`);
});

test('morercpthosts.cdb of morercpthosts', () => {
  let compared = 0;
  for (const { where, file, bytes, madeBy, tree } of moments()) {
    const text = tree.get('/var/qmail/control/morercpthosts');
    if (file !== '/var/qmail/control/morercpthosts.cdb' || madeBy === 'tester' || text === undefined) continue;
    const records = moreRcptHostsKeys(text).map((key) => ({ key, data: '' }));
    assert.ok(makeCdb(records).equals(bytes), `${where}\n${text}`);
    compared++;
  }
  assert.ok(compared >= 8, `${compared} compared`);
});

test('names of recorded messages', () => {
  let sized = 0;
  for (const { where, file, bytes, madeBy } of moments()) {
    const name = /\/(?:new|cur)\/([^/]+)$/.exec(file)?.[1];
    if (name === undefined) continue;
    const parsed = parseMaildirName(name);
    assert.equal(serializeMaildirName(parsed), name, where);
    const { sizeBytes, unixSeconds } = parseMaildirBase(parsed.base);
    // Only deliveries that were seen to happen: the POP3 scenarios make up their messages.
    if (madeBy !== 'program' || !/^(delivery|smtp)/.test(where) || !file.includes('/new/')) continue;
    if (sizeBytes === undefined) continue;
    assert.equal(sizeBytes, bytes.length, `${where} ${file}: the size in the name`);
    assert.ok(unixSeconds !== undefined && unixSeconds > 1_700_000_000);
    sized++;
  }
  assert.ok(sized >= 150, `${sized} with a size`);
});
