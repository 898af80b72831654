// Whoever reads the log may go (a multilog that is started again, a pager that is left): the daemon goes on as before.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { needsRoot } from '../support/needs.js';
import { startSampleHost, TextClient } from './sample-server.js';

async function withoutReader(t: TestContext, workers: string): Promise<void> {
  const { server } = await startSampleHost(t, ['--workers', workers]);
  server.process.stderr?.destroy();
  // Each of these writes a line or more.
  for (let login = 0; login < 5; login++) {
    const client = await TextClient.open(server.ports.pop3);
    await client.ask('USER test@mailtest.example.jp');
    assert.match(await client.ask('PASS wrong'), /^-ERR /);
    client.destroy();
  }
  server.process.kill('SIGHUP');
  const client = await TextClient.open(server.ports.pop3);
  await client.ask('USER test@mailtest.example.jp');
  assert.match(await client.ask('PASS password'), /^\+OK/);
  assert.match(await client.ask('QUIT'), /^\+OK/);
  client.destroy();
  assert.equal(await server.stop(), 0);
}

test('one process goes on', (t) => withoutReader(t, '0'));

test('supervisor and workers go on', async (t) => {
  if (needsRoot(t)) await withoutReader(t, '1');
});
