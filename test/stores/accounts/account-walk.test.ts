import assert from 'node:assert/strict';
import fs from 'node:fs';
import { type TestContext, test } from 'node:test';
import { CorruptFileError, TemporaryError } from '../../../src/errors.js';
import { makeCdb } from '../../../src/formats/databases/cdb.js';
import { domainFiles } from '../../../src/layout.js';
import { walkAccounts } from '../../../src/stores/accounts/account-walk.js';
import { newRoot, removeRoot } from '../../support/recording.js';

function domain(t: TestContext, files: { vpasswd?: string; cdb?: Buffer }): string {
  const directory = newRoot('vqmail-walk');
  t.after(() => removeRoot(directory));
  if (files.vpasswd !== undefined) fs.writeFileSync(domainFiles.vpasswd(directory), files.vpasswd, 'latin1');
  if (files.cdb !== undefined) fs.writeFileSync(domainFiles.vpasswdCdb(directory), files.cdb);
  return directory;
}

function walked(directory: string): [string, number][] {
  let accounts: [string, number][] = [];
  walkAccounts(
    { directory, uid: 0, gid: 0 },
    {
      begin() {
        accounts = [];
      },
      account: (name, gid) => void accounts.push([name, gid]),
    },
  );
  return accounts;
}

const line = (name: string, gid: number | string): string => `${name}:x:1:${gid}:${name}:/d/${name}:NOQUOTA\n`;
const record = (name: string, data: string) => ({ key: name, data });

test('the cdb counts, as for a look-up', (t) => {
  const cdb = makeCdb([record('ann', 'x:1:0:ann:/d/ann:NOQUOTA'), record('joe', 'x:1:8:joe:/d/joe:NOQUOTA')]);
  assert.deepEqual(walked(domain(t, { vpasswd: line('other', 0), cdb })), [
    ['ann', 0],
    ['joe', 8],
  ]);
});

test('without it the text does, lines longer than a piece too; what is no account is passed over', (t) => {
  const long = 'n'.repeat(300_000);
  const vpasswd = `${line('ann', 0)}# comment\n\n${line(long, 2)}${line('joe', 'abc')}cut:x\nlast:x:1:0`;
  assert.deepEqual(walked(domain(t, { vpasswd })), [
    ['ann', 0],
    [long, 2],
    ['joe', 0],
    ['cut', 0],
  ]);
});

test('an empty domain is none that cannot be read', (t) => {
  assert.deepEqual(walked(domain(t, { cdb: makeCdb([]) })), []);
  assert.throws(() => walked(domain(t, {})), TemporaryError);
  assert.throws(() => walked(domain(t, { cdb: Buffer.from('no cdb') })), CorruptFileError);
});
