// SMTP and submission under real daemontools: back by themselves when ours answers otherwise, to ours, and back.

import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'node:test';
import { callTool } from '../../support/call-tool.js';
import { needs } from '../../support/needs.js';
import { freePort, waitForPort } from '../../support/ports.js';
import { CutoverHost, daemontoolsPrograms, isDown, movesAndReturns } from './cutover-host.js';

/** An address of this machine for this test alone: what is at port 587 is submission. */
const place = { host: '127.25.87.1', port: 587 };

/** An old server of a protocol, beside which ours is tried. */
async function oldServer(host: CutoverHost, protocol: 'smtp' | 'submission', at: typeof place): Promise<string> {
  const { ports } = await host.serve();
  host.passOn('qmail-smtpd', ports[protocol] ?? 0);
  const program = path.join(host.root, 'var/qmail/bin/qmail-smtpd');
  host.script(`service/${protocol}d/run`, `exec tcpserver -HRl0 ${at.host} ${at.port} ${program} 2>/dev/null`);
  host.scan();
  await waitForPort(at.port, () => protocol, at.host);
  return `${protocol}=127.0.0.1:${ports[protocol]}`;
}

describe('migrate cutover of what takes mail', { concurrency: true }, () => {
  it('moves SMTP', async (t) => {
    if (!needs(t, ...daemontoolsPrograms)) return;
    const host = new CutoverHost(t);
    const beside = await oldServer(host, 'smtp', { host: '127.0.0.1', port: await freePort() });
    host.write(path.join(host.root, 'relay/rules'), ':allow,RELAYCLIENT=""\n');
    const [cdb, temporary] = ['smtp.cdb', 'tmp'].map((name) => path.join(host.root, 'relay', name));
    await callTool(host.root, ['tcprules', cdb ?? '', temporary ?? ''], { stdin: ':allow,RELAYCLIENT=""\n' });
    await movesAndReturns(host, {
      protocols: ['smtp'],
      beside: [beside],
      wrong: ['--tcp-dir', path.join(host.root, 'relay')],
      told: /^smtp \S+: RCPT of another host: old 553 .*, new 451 [\s\S]*failed: our server in its place does not answer as/m,
      serves: (isOld) => assert.deepEqual([isDown(host, 'smtpd'), isDown(host, 'vqmail-smtp')], [!isOld, isOld]),
    });
  });

  it('moves submission', async (t) => {
    if (!needs(t, ...daemontoolsPrograms)) return;
    const host = new CutoverHost(t);
    await host.customaryPorts();
    const beside = await oldServer(host, 'submission', place);
    await movesAndReturns(host, {
      protocols: ['submission'],
      beside: [beside],
      wait: 5,
      wrong: ['--no-such-option'],
      told: /^failed: nobody greets at submission=127\.25\.87\.1:587 after 5 seconds$/m,
      serves: (isOld) =>
        assert.deepEqual([isDown(host, 'submissiond'), isDown(host, 'vqmail-submission')], [!isOld, isOld]),
    });
  });
});
