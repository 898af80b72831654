// Replays the remote side of recorded queue scenarios (fixtures/recordings/queue): what each delivery was logged with, and what the next host heard. The recorded hosts know HELO only; the
// refused EHLO in front of it is left out of the comparison.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { qmailRemote } from '../../../src/cli/queue/qmail-remote.js';
import { dnsNames } from '../../../src/delivery/remote/names.js';
import type { DeliveryReport } from '../../../src/delivery/report.js';
import { capturedIo } from '../../support/captured-io.js';
import { needsRoot } from '../../support/needs.js';
import { buildTree, bytesOf, loadRecording, maskVolatile, recordingNames, type Step } from '../../support/recording.js';
import { type RemoteHost, remoteHost } from '../../support/remote-host.js';
import { type Sink, type SinkOptions, startSink } from '../../support/smtp-sink.js';

interface RemoteStep extends Step {
  readonly sink?: { port: number; greeting?: string; replies?: Record<string, string>; delay_ms?: number };
  readonly envelope?: string;
  readonly sessions?: readonly (readonly RecordedEvent[])[];
}
interface RecordedEvent {
  readonly client?: string;
  readonly sink?: string;
  readonly closed?: boolean;
}

/** Port 25 is asked for at an address where nobody else listens. */
const wellKnown = '127.0.0.25';

const names = recordingNames('queue').filter((name) => name.startsWith('remote-') || name === 'smtproutes-forms');

for (const name of names) {
  test(`queue/${name}: reports and sessions`, async (t) => {
    if (name === 'smtproutes-forms' && !needsRoot(t)) return;
    const recording = loadRecording('queue', name);
    const host = remoteHost({});
    const sinks = new Map<number, Sink>();
    t.after(async () => {
      for (const sink of sinks.values()) await sink.stop();
      host.remove();
    });
    buildTree(recording.before, host.root);
    for (const [number, step] of (recording.steps as readonly RemoteStep[]).entries()) {
      if (step.sink !== undefined) {
        sinks.set(step.sink.port, await startSink(sinkOptions(step.sink)));
        host.control({ smtproutes: routes(recording.before, sinks) });
      }
      if (step.envelope !== undefined) await compareStep(host, step, sinks, `${name}#${number}`);
    }
  });
}

function sinkOptions({ port, greeting, replies, delay_ms }: NonNullable<RemoteStep['sink']>): SinkOptions {
  return {
    ...(port === 25 ? { ip: wellKnown, port } : {}),
    ...(greeting === undefined ? {} : { greeting: latin1(greeting) }),
    ...(delay_ms === undefined ? {} : { delayMs: delay_ms }),
    replies: Object.fromEntries(Object.entries(replies ?? {}).map(([verb, reply]) => [verb, latin1(reply)])),
  };
}

/** The recorded routes, with the ports that the sinks have here. */
function routes(
  before: Readonly<Record<string, { readonly text?: string }>>,
  sinks: ReadonlyMap<number, Sink>,
): string {
  const text = before['/var/qmail/control/smtproutes']?.text ?? '';
  return text
    .replace(/:127\.0\.0\.1:(\d+)$/gm, (_all, port: string) => `:127.0.0.1:${sinks.get(Number(port))?.port ?? 1}`)
    .replace(/:127\.0\.0\.1$/gm, `:${wellKnown}`);
}

async function compareStep(
  host: RemoteHost,
  step: RemoteStep,
  sinks: ReadonlyMap<number, Sink>,
  where: string,
): Promise<void> {
  const [sender = '', ...rest] = latin1(step.envelope ?? '').split('\0');
  const recipients = rest.filter((one) => one.startsWith('T')).map((one) => one.slice(1));
  const remote = recipients.filter((address) => logged(step, address) !== undefined);
  const received = `Received: (qmail 42 invoked by uid 7001); 24 Nov 2026 02:46:11 -0000\n`;
  const message = `${received}${bytesOf(step.stdin).toString('latin1')}`;
  for (const sink of sinks.values()) (sink.sessions as unknown[]).length = 0;
  const mail = { sender: sender.slice(1), message };
  const reports = await Promise.all(
    remote.map(async (address) => (await host.send({ ...mail, recipients: [address] }))[0]),
  );
  for (const [index, address] of remote.entries())
    assert.equal(asLogged(reports[index]), logged(step, address)?.replaceAll(' ', ''), `${where} ${address}`);
  if (step.sessions === undefined || where.startsWith('remote-slow')) return;
  await settled(sinks);
  const heard = [...sinks.values()].flatMap((sink) =>
    sink.sessions.map(({ events }) => events.flatMap(({ client }) => client ?? [])),
  );
  assert.deepEqual(sorted(heard.map(withoutEhlo)), sorted(step.sessions.map(clientSide)), where);
}

/** The fate of a recipient in qmail-send's log: `success: TEXT`. */
function logged(step: RemoteStep, address: string): string | undefined {
  const log = step.log?.['qmail-send'] ?? '';
  const shown = visible(address).replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const number = new RegExp(`^starting delivery (\\d+): msg \\d+ to remote ${shown}$`, 'm').exec(log)?.[1];
  const fate = new RegExp(`^delivery ${number}: (.*)$`, 'm').exec(log)?.[1];
  return fate?.replaceAll('127.0.0.1', (ip) => (address.includes('noport') ? wellKnown : ip));
}

function asLogged(report: DeliveryReport | undefined): string {
  return `${report?.outcome}:${visible(report?.text ?? '')}`;
}

/** As qmail-send writes texts of others into its log. */
function visible(text: string): string {
  return text.replaceAll('\n', '/').replace(/[^\x21-\x7e]/g, '_');
}

/** Sessions end a moment after their reports. */
async function settled(sinks: ReadonlyMap<number, Sink>): Promise<void> {
  const isOpen = (): boolean =>
    [...sinks.values()].some(({ sessions }) => sessions.some(({ events }) => !events.some(({ closed }) => closed)));
  for (let i = 0; i < 200 && isOpen(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
}

const withoutEhlo = (said: readonly string[]): string =>
  maskVolatile(said.filter((line) => !line.startsWith('EHLO ')).join(''));
const clientSide = (events: readonly RecordedEvent[]): string =>
  maskVolatile(events.map(({ client = '' }) => latin1(client)).join(''));
const sorted = (sessions: readonly string[]): string[] => [...sessions].sort();

function latin1(text: string): string {
  return Buffer.from(text).toString('latin1');
}

test('queue/qmail-remote-direct: the tool prints the same reports', async (t) => {
  const recording = loadRecording('queue', 'qmail-remote-direct');
  const host = remoteHost({});
  const sink = await startSink({
    replies: { RCPT: ['250 ok\r\n', '250 ok\r\n', '550 no\r\n', '450 later\r\n', '250 ok\r\n'] },
  });
  t.after(async () => {
    await sink.stop();
    host.remove();
  });
  host.control({ smtproutes: `remote.example:127.0.0.1:${sink.port}\nnohost.example:nohost.invalid\n` });
  for (const [number, step] of (recording.steps as readonly RemoteStep[]).entries()) {
    const [, ...args] = step.run ?? [];
    if (step.run === undefined) continue;
    (sink.sessions as unknown[]).length = 0;
    const io = capturedIo({ layout: host.layout, stdin: step.stdin ?? '' });
    assert.equal(await qmailRemote(args, io), step.exit);
    assert.equal(io.written().stdout.toString('latin1'), bytesOf(step.stdout).toString('latin1'), `step ${number}`);
    await settled(new Map([[0, sink]]));
    const heard = sink.sessions.map(({ events }) => events.flatMap(({ client }) => client ?? []));
    assert.deepEqual(heard.map(withoutEhlo), (step.sessions ?? []).map(clientSide), `step ${number}`);
  }
});

test('without a name server nothing is found for now', async () => {
  const answer = await dnsNames(['127.0.0.1:1']).exchangers('example.jp');
  assert.deepEqual(answer, { kind: 'later' });
});
