// What `vqmail check` says of certificates.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { findingLine } from '../../../src/cli/check.js';
import { Layout } from '../../../src/layout.js';
import { makeSelfSigned } from '../../../src/stores/certificates/self-signed.js';
import { certificateFindings } from '../../../src/stores/findings/certificate-findings.js';
import { beginSearch } from '../../../src/stores/findings/finding.js';
import { openHost } from '../../../src/stores/host.js';
import { newRoot, removeRoot } from '../../support/recording.js';

const dayMs = 86_400_000;

function place(t: TestContext): { put(name: string, text: string, mode?: number): void; found(): string[] } {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const layout = new Layout({ root });
  mkdirSync(layout.certificates, { recursive: true });
  return {
    put(name, text, mode = 0o640) {
      writeFileSync(layout.control(name), text);
      chmodSync(layout.control(name), mode);
    },
    found: () =>
      [...certificateFindings(beginSearch(openHost(layout)))].map((finding) =>
        findingLine(finding, layout).replace('/var/qmail/control/', '').replaceAll(`${root}/`, '/'),
      ),
  };
}

test('nothing is wrong with a host without certificates, or with good ones', async (t) => {
  const { put, found } = place(t);
  assert.deepEqual(found(), []);
  const pem = await makeSelfSigned(['mail.example.jp'], 30, Date.now());
  put('servercert.pem', pem);
  put('vqmail/certs/shop.example.pem', pem.slice(pem.indexOf('-----BEGIN CERT')), 0o644);
  put('vqmail/certs/shop.example.key', pem.slice(0, pem.indexOf('-----BEGIN CERT')), 0o600);
  assert.deepEqual(found(), []);
});

test('what cannot be used, is over or ends soon, and keys that everybody may read', async (t) => {
  const { put, found } = place(t);
  put('servercert.pem', 'nothing\n');
  put('vqmail/certs/old.example.pem', await makeSelfSigned(['old.example'], 1, Date.now() - 10 * dayMs));
  put('vqmail/certs/soon.example.pem', await makeSelfSigned(['soon.example'], 5, Date.now()));
  put('vqmail/certs/open.example.pem', await makeSelfSigned(['open.example'], 50, Date.now()), 0o644);
  put('vqmail/certs/.x.pem', 'whatever\n');
  put('vqmail/certs/gone.example.key', 'whatever\n');
  assert.deepEqual(found(), [
    'servercert.pem: there is no certificate in it, so TLS is refused or shows another certificate',
    'vqmail/certs/.x.pem: warning: is not named for a host, so no client is shown it; rename it to NAME.pem',
    'vqmail/certs/old.example.pem: warning: it is over: clients refuse it; make a new one',
    'vqmail/certs/open.example.pem: warning: mode 0644: everybody on this host may read the private key; chmod 0640',
    'vqmail/certs/soon.example.pem: warning: it ends in 4 days: make a new one',
    'vqmail/certs/gone.example.key: warning: has no certificate beside it; remove it',
  ]);
});
