// What the log is told of certificates: at the start, at changes, day by day.

import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { Layout } from '../../../src/layout.js';
import { lineLog } from '../../../src/log.js';
import { CertificateCare } from '../../../src/processes/certificates/care.js';
import { parseSettings, type ServeOptions } from '../../../src/settings.js';
import { makeSelfSigned } from '../../../src/stores/certificates/self-signed.js';
import { newRoot, removeRoot } from '../../support/recording.js';

const dayMs = 86_400_000;
const start = Date.UTC(2026, 10, 24);

interface Careful {
  readonly layout: Layout;
  readonly care: CertificateCare;
  /** The lines since the last time they were asked for. */
  news(): string[];
  /** Replaces a file of control/ by rename; the certificate ends so many days after the start. */
  put(name: string, names: readonly string[] | string, days?: number): Promise<void>;
  wait(days: number): void;
}

function careful(t: TestContext, options: ServeOptions = { listen: ['smtp=127.0.0.1:25'] }): Careful {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const layout = new Layout({ root });
  mkdirSync(layout.certificates, { recursive: true });
  let log: string[] = [];
  let nowMs = start;
  const settings = parseSettings({ root }, options, false);
  const keep = lineLog((line) => log.push(line.trimEnd().replaceAll(root, '')));
  const care = new CertificateCare({ settings, layout, log: keep, now: () => nowMs, lookMs: 1e9 });
  t.after(() => care.stop());
  return {
    layout,
    care,
    news() {
      const lines = log;
      log = [];
      return lines;
    },
    async put(name, content, days = 100) {
      const pem = typeof content === 'string' ? content : await makeSelfSigned(content, days, start);
      writeFileSync(`${layout.control(name)}.new`, pem);
      renameSync(`${layout.control(name)}.new`, layout.control(name));
    },
    wait(days) {
      nowMs += days * dayMs;
    },
  };
}

const own = '/var/qmail/control/servercert.pem';
const shop = '/var/qmail/control/vqmail/certs/shop.example.pem';

test('at the start: who serves which name, what ends soon, what cannot be used', async (t) => {
  const { care, news, put } = careful(t);
  await put('servercert.pem', ['mail.example.jp', '*.example.jp', 'shop.example']);
  await put('vqmail/certs/shop.example.pem', ['shop.example', 'www.shop.example'], 9);
  await put('vqmail/certs/old.example.pem', ['old.example'], -1);
  await put('vqmail/certs/bad.example.pem', 'nothing\n');
  await care.begin();
  assert.deepEqual(news(), [
    'warning: tls: /var/qmail/control/vqmail/certs/bad.example.pem: there is no certificate in it',
    `tls: ${own}: mail.example.jp *.example.jp shop.example, until 2027-03-04; another certificate serves shop.example; serves everybody else too`,
    'tls: /var/qmail/control/vqmail/certs/old.example.pem: old.example, until 2026-11-23',
    'warning: tls: /var/qmail/control/vqmail/certs/old.example.pem: it is over: clients refuse it; make a new one',
    `tls: ${shop}: shop.example www.shop.example, until 2026-12-03`,
    `warning: tls: ${shop}: it ends in 9 days: make a new one`,
  ]);
  await care.look();
  assert.deepEqual(news(), [], 'told once');
});

test('at changes: what has come, gone, and what is broken', async (t) => {
  const { care, layout, news, put } = careful(t);
  await put('servercert.pem', ['mail.example.jp']);
  await care.begin();
  news();
  await put('servercert.pem', ['mail2.example.jp'], 200);
  await care.look();
  assert.deepEqual(news(), [`tls: ${own}: mail2.example.jp, until 2027-06-12; serves everybody else too`]);
  await put('servercert.pem', 'broken\n');
  await care.look();
  await care.look();
  assert.deepEqual(news(), [`warning: tls: ${own}: there is no certificate in it; the old certificate stays in force`]);
  await put('vqmail/certs/shop.example.pem', ['shop.example']);
  rmSync(layout.serverCertificate);
  await care.look();
  assert.deepEqual(news(), [
    `tls: ${shop}: shop.example, until 2027-03-04; serves everybody else too`,
    `tls: ${own} is gone`,
  ]);
  rmSync(`${layout.certificates}/shop.example.pem`);
  await care.look();
  assert.deepEqual(news(), [
    `tls: ${shop} is gone`,
    'tls: there is no certificate, so TLS is not offered; vqmail cert self-signed NAME makes one',
  ]);
});

test('once a day, from 14 days before the end', async (t) => {
  const { care, news, put, wait } = careful(t);
  await put('servercert.pem', ['mail.example.jp'], 16);
  await care.begin();
  assert.equal(news().length, 1, 'early enough');
  const told: string[][] = [];
  for (let day = 1; day <= 3; day++) {
    wait(1);
    await care.look();
    await care.look();
    told.push(news());
  }
  assert.deepEqual(told, [
    [],
    [`warning: tls: ${own}: it ends in 14 days: make a new one`],
    [`warning: tls: ${own}: it ends in 13 days: make a new one`],
  ]);
});

test('without a certificate: what begins with TLS is an alarm, what may go over to it a note, others nothing', async (t) => {
  const rows: [listen: string[], line: string | undefined][] = [
    [
      ['smtp=127.0.0.1:25'],
      'tls: there is no certificate, so TLS is not offered; vqmail cert self-signed NAME makes one',
    ],
    [
      ['smtp=127.0.0.1:25', 'smtps=127.0.0.1:465', 'pop3s=127.0.0.1:995'],
      'alert: tls: there is no certificate that can be used, so nobody gets in by smtps or pop3s; vqmail cert self-signed NAME makes one',
    ],
    [['qmqp=127.0.0.1:628'], undefined],
  ];
  for (const [listen, line] of rows) {
    const { care, news } = careful(t, { listen });
    await care.begin();
    await care.look();
    assert.deepEqual(news(), line === undefined ? [] : [line]);
  }
});
