import assert from 'node:assert/strict';
import fs from 'node:fs';
import { it } from 'node:test';
import { TemporaryError } from '../../src/errors.js';
import { Layout } from '../../src/layout.js';
import type { LoginPlace } from '../../src/stores/default-domain.js';
import { openHost } from '../../src/stores/host.js';
import { withFolder } from '../files/folder.js';

type Files = Readonly<Record<string, string>>;

const map = '192.0.2.1 one.example\n192.0.2.1\tsecond.example\n192.0.2.2  Local.example\n';
const rows: [string, Files, LoginPlace, string][] = [
  ['nothing says so', {}, { localIp: '192.0.2.1' }, ''],
  ['etc/defaultdomain', { defaultdomain: 'default.example \nmore\n' }, { localIp: '192.0.2.1' }, 'default.example'],
  [
    'the address that the client connected to',
    { ip_alias_map: map, defaultdomain: 'd' },
    { localIp: '192.0.2.1' },
    'one.example',
  ],
  ['the same as an IPv4-mapped address', { ip_alias_map: map }, { localIp: '::ffff:192.0.2.1' }, 'one.example'],
  ['another address', { ip_alias_map: map, defaultdomain: 'd.example' }, { localIp: '192.0.2.9' }, 'd.example'],
  [
    'a domain in locals is passed over',
    { ip_alias_map: map, locals: 'local.EXAMPLE\n', defaultdomain: 'd' },
    { localIp: '192.0.2.2' },
    'd',
  ],
  ['without locals it is not', { ip_alias_map: map }, { localIp: '192.0.2.2' }, 'Local.example'],
  ['no address is known', { ip_alias_map: map }, {}, ''],
  [
    'VPOPMAIL_DOMAIN stands above all',
    { ip_alias_map: map },
    { localIp: '192.0.2.1', environmentDomain: 'env.example' },
    'env.example',
  ],
  ['odd characters in it become _', {}, { environmentDomain: 'a b/../c' }, 'a_b_.._c'],
];

for (const [name, files, place, expected] of rows) {
  it(`the domain of a login without one: ${name}`, () =>
    withFolder((root) => {
      const host = openHost(writeFiles(root, files));
      assert.equal(host.defaultDomain.forLogin(place), expected);
    }));
}

it('the domain of a login without one: what serve is told counts instead of the file, and behind the address', () =>
  withFolder((root) => {
    const layout = writeFiles(root, { ip_alias_map: map, defaultdomain: 'file.example' });
    const { defaultDomain } = openHost(layout, undefined, { defaultDomain: 'option.example' });
    assert.equal(defaultDomain.forLogin({}), 'option.example');
    assert.equal(defaultDomain.forLogin({ localIp: '192.0.2.1' }), 'one.example');
  }));

it('the domain of a login without one: a change counts at once, an unreadable file is a temporary failure', () =>
  withFolder((root) => {
    const layout = writeFiles(root, { defaultdomain: 'a' });
    const { defaultDomain } = openHost(layout);
    assert.equal(defaultDomain.forLogin({}), 'a');
    fs.writeFileSync(layout.etc('defaultdomain'), 'b');
    assert.equal(defaultDomain.forLogin({}), 'b');
    fs.rmSync(layout.etc('defaultdomain'));
    assert.equal(defaultDomain.forLogin({}), '');
    fs.mkdirSync(layout.etc('defaultdomain'));
    assert.throws(() => defaultDomain.forLogin({}), TemporaryError);
  }));

function writeFiles(root: string, files: Files): Layout {
  const layout = new Layout({ root });
  fs.mkdirSync(layout.etc(''), { recursive: true });
  fs.mkdirSync(layout.controlDirectory, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    fs.writeFileSync(name === 'locals' ? layout.control(name) : layout.etc(name), content);
  }
  return layout;
}
