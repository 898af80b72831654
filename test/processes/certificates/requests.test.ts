// What a worker may be told by the supervisor about files: those that are configured as certificates, and of these what a certificate's file has to say.

import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { Layout } from '../../../src/layout.js';
import { answerCertificateRequest, type CertificateAnswer } from '../../../src/processes/certificates/requests.js';
import type { ToChild } from '../../../src/processes/messages.js';
import { parseSettings } from '../../../src/settings.js';
import { newRoot, removeRoot } from '../../support/recording.js';

function host(t: TestContext) {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const layout = new Layout({ root });
  mkdirSync(layout.certificates, { recursive: true });
  const named = { certificate: `${root}/cert.pem`, key: `${root}/key.pem` };
  for (const file of Object.values(named)) writeFileSync(file, 'x\n');
  const settings = parseSettings({ root }, { listen: ['smtp=127.0.0.1:0'], tlsCertificates: [named] }, false);
  const ask = async (type: 'certificate-identities' | 'certificate-read', file: string): Promise<CertificateAnswer> => {
    const answers: ToChild[] = [];
    await answerCertificateRequest({ type, request: 7, files: [file] }, { layout, settings }, (answer) =>
      answers.push(answer),
    );
    assert.equal(answers.length, 1);
    const [answer] = answers;
    assert.ok(answer?.type === 'certificate-answer' && answer.request === 7);
    return answer;
  };
  return { root, layout, ask };
}

test('other files are neither read nor looked at', async (t) => {
  const { ask, layout, root } = host(t);
  const rows = [
    '/etc/shadow',
    `${root}/other.pem`,
    layout.control('me'),
    `${layout.certificates}/../../me`,
    `${layout.certificates}/../../servercert.pem`,
    `${layout.certificates}/a/b.pem`,
    `${layout.certificates}/.pem`,
    `${layout.certificates}/a.txt`,
    `${layout.certificates}/a/../b.pem`,
    'servercert.pem',
    '',
  ];
  for (const file of rows) {
    for (const type of ['certificate-identities', 'certificate-read'] as const)
      assert.match((await ask(type, file)).refused ?? '', /is no certificate of this host$/, file);
  }
});

test('those that are configured are told, and nothing of them but PEM blocks and cipher names', async (t) => {
  const { ask, layout, root } = host(t);
  const block = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----';
  writeFileSync(layout.serverCertificate, `secret\n${block}\nroot:$6$salt$hash:1::\n`);
  assert.equal((await ask('certificate-read', layout.serverCertificate)).content, `${block}\n\n`);
  writeFileSync(`${root}/shadow`, 'root:$6$salt$hash:19000:0:99999:7:::\n');
  symlinkSync(`${root}/shadow`, `${layout.certificates}/shop.example.pem`);
  assert.equal((await ask('certificate-read', `${layout.certificates}/shop.example.pem`)).content, '\n');
  symlinkSync(`${root}/shadow`, layout.tlsServerCiphers);
  assert.equal((await ask('certificate-read', layout.tlsServerCiphers)).content, '');
  assert.equal((await ask('certificate-read', `${layout.certificates}/absent.example.key`)).content, null);
  assert.deepEqual((await ask('certificate-identities', `${layout.certificates}/absent.example.chain`)).identities, [
    null,
  ]);
  assert.match((await ask('certificate-identities', `${root}/key.pem`)).identities?.[0]?.[2] ?? '', /^2$/);
});
