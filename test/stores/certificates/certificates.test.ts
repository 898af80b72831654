import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { readIfPresent } from '../../../src/files/read.js';
import { Layout } from '../../../src/layout.js';
import { lineLog } from '../../../src/log.js';
import type { CertificateFiles } from '../../../src/stores/certificates/certificate.js';
import { Certificates } from '../../../src/stores/certificates/certificates.js';
import { makeSelfSigned } from '../../../src/stores/certificates/self-signed.js';
import { ownSource } from '../../../src/stores/certificates/source.js';
import { newRoot, removeRoot } from '../../support/recording.js';

interface Place {
  readonly layout: Layout;
  readonly log: string[];
  readonly certificates: Certificates;
  /** Replaces a file of control/ by rename. */
  put(name: string, text: string): void;
}

function place(t: TestContext, files: readonly CertificateFiles[] = []): Place {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const layout = new Layout({ root });
  mkdirSync(layout.certificates, { recursive: true });
  const log: string[] = [];
  const certificates = new Certificates({
    layout,
    log: lineLog((line) => log.push(line.trimEnd())),
    files,
    options: {},
  });
  const put = (name: string, text: string): void => {
    writeFileSync(`${layout.control(name)}.new`, text);
    renameSync(`${layout.control(name)}.new`, layout.control(name));
  };
  return { layout, log, certificates, put };
}

/** Made once: a key costs a tenth of a second. */
const pems = new Map<string, Promise<string>>();
function pemFor(...names: string[]): Promise<string> {
  const id = names.join(' ');
  const made = pems.get(id) ?? makeSelfSigned(names, 30, Date.now());
  pems.set(id, made);
  return made;
}

async function nameFor(certificates: Certificates, serverName: string | undefined): Promise<string | undefined> {
  return (await certificates.forName(serverName))?.names[0];
}

test('a host without certificates has none', async (t) => {
  const { certificates } = place(t);
  assert.equal(await certificates.forName('mail.example.jp'), undefined);
  assert.equal(await certificates.forName(undefined), undefined);
  assert.deepEqual(await certificates.all(), []);
});

test('the default of a host that has only a directory is there as soon as a file comes, and gone with it', async (t) => {
  const { certificates, layout, put } = place(t);
  for (let turn = 0; turn < 3; turn++) {
    assert.equal(await nameFor(certificates, undefined), undefined);
    put('vqmail/certs/shop.example.pem', await pemFor('shop.example', '*.shop.example'));
    for (let look = 0; look < 2; look++) assert.equal(await nameFor(certificates, undefined), 'shop.example');
    rmSync(layout.control('vqmail/certs/shop.example.pem'));
  }
});

test('which certificate is for whom', async (t) => {
  const { certificates, put } = place(t);
  put('servercert.pem', await pemFor('mail.example.gr.jp'));
  put('vqmail/certs/shop.example.pem', await pemFor('shop.example', '*.shop.example'));
  put('vqmail/certs/mail.one.example.pem', await pemFor('mail.one.example'));
  const rows: [string | undefined, string, string][] = [
    [undefined, 'mail.example.gr.jp', 'a client that does not say'],
    ['mail.example.gr.jp', 'mail.example.gr.jp', 'the default, by its name'],
    ['shop.example', 'shop.example', 'the file of the name'],
    ['SHOP.example.', 'shop.example', 'in any case, with the final dot'],
    ['pop.shop.example', 'shop.example', 'the file of the domain, whose certificate has the name'],
    ['a.b.shop.example', 'mail.example.gr.jp', 'a wildcard is for one label'],
    ['mail.one.example', 'mail.one.example', 'the file of a host'],
    ['one.example', 'mail.example.gr.jp', 'nothing of that name'],
    ['../servercert', 'mail.example.gr.jp', 'what is no host name is no file name'],
    ['', 'mail.example.gr.jp', 'nothing'],
  ];
  for (const [asked, want, why] of rows) assert.equal(await nameFor(certificates, asked), want, why);
});

test('a certificate of the command line, its key in another file, is for the names in it and stands in for the default', async (t) => {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const [certificate, key] = [`${root}/fullchain.pem`, `${root}/privkey.pem`];
  const pem = await pemFor('mail.two.example');
  writeFileSync(certificate, pem.slice(pem.indexOf('-----BEGIN CERTIFICATE')));
  writeFileSync(key, pem.slice(0, pem.indexOf('-----BEGIN CERTIFICATE')));
  const { certificates, put } = place(t, [{ certificate, key }]);
  assert.equal(await nameFor(certificates, undefined), 'mail.two.example');
  put('servercert.pem', await pemFor('mail.example.gr.jp'));
  assert.equal(await nameFor(certificates, undefined), 'mail.example.gr.jp');
  assert.equal(await nameFor(certificates, 'mail.two.example'), 'mail.two.example');
});

test('a certificate that is replaced is used at once; a broken one leaves the old one in force and is told once', async (t) => {
  const { certificates, layout, log, put } = place(t);
  put('servercert.pem', await pemFor('old.example'));
  assert.equal(await nameFor(certificates, undefined), 'old.example');
  put('servercert.pem', await pemFor('new.example'));
  assert.equal(await nameFor(certificates, undefined), 'new.example');
  for (const broken of ['', 'no certificate\n', (await pemFor('x.example')).slice(0, 600)]) {
    put('servercert.pem', broken);
    for (let looks = 0; looks < 3; looks++) assert.equal(await nameFor(certificates, undefined), 'new.example');
  }
  assert.match(log[0] ?? '', /servercert\.pem: there is no certificate in it; the old certificate stays in force$/);
  assert.ok(log.length <= 2, log.join('\n'));
  rmSync(layout.serverCertificate);
  assert.equal(await nameFor(certificates, undefined), undefined);
});

test('a key that is not that of the certificate is told', async (t) => {
  const { certificates, log, put } = place(t);
  const [one, other] = [await pemFor('one.example'), await pemFor('other.example')];
  put(
    'servercert.pem',
    one.slice(0, one.indexOf('-----BEGIN CERTIFICATE')) + other.slice(other.indexOf('-----BEGIN CERTIFICATE')),
  );
  assert.equal(await certificates.forName(undefined), undefined);
  assert.match(log.join('\n'), /servercert\.pem: the private key is not that of the certificate/);
  const [shown] = await certificates.all();
  assert.ok(shown !== undefined && 'trouble' in shown);
});

test('many ask at the same moment, and the file is read once', async (t) => {
  const { layout, put } = place(t);
  put('servercert.pem', await pemFor('one.example'));
  let reads = 0;
  const read = async (file: string): Promise<Buffer | undefined> => {
    if (file === layout.serverCertificate) reads++;
    return readIfPresent(file);
  };
  const certificates = new Certificates({
    layout,
    log: lineLog(() => {}),
    files: [],
    options: {},
    source: { ...ownSource, read },
  });
  const names = await Promise.all(Array.from({ length: 50 }, () => nameFor(certificates, undefined)));
  assert.deepEqual(new Set(names), new Set(['one.example']));
  assert.equal(reads, 1);
});
