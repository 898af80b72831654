// The whole way of the README, in a network and among processes of its own: the real ports, and nothing is left behind.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { needs, needsRoot } from '../../support/needs.js';
import { run } from '../../support/program.js';
import { newRoot, removeRoot } from '../../support/recording.js';

const walk = fileURLToPath(new URL(`./walk${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url));
const programs = [
  'unshare',
  'ip',
  'postfix',
  'dovecot',
  'openssl',
  'tcpserver',
  'tcpclient',
  'svscan',
  'supervise',
  'svc',
];

describe('the way of the README, with mail coming and clients polling', () => {
  it('loses nothing, brings nothing twice, and no client downloads anything again', async (t) => {
    if (!needs(t, ...programs) || !needsRoot(t)) return;
    const folder = newRoot('vqmail-guide');
    t.after(() => removeRoot(folder));
    const ownNamespace = ['unshare', '--net', '--pid', '--fork', '--mount-proc', '--kill-child'];
    // The shell stays the first process of the namespace, and takes leave of processes that lose their parents.
    const inside = ['sh', '-c', 'ip link set lo up && "$@"; exit $?', 'sh', process.execPath, ...process.execArgv];
    const { status, stdout, stderr } = await run([...ownNamespace, ...inside, walk, folder], '', { TMPDIR: folder });
    t.diagnostic(stdout);
    assert.equal(status, 0, `${stdout}\n${stderr}`);
  });
});
