// The whole lines of CAPABILITY at each place of a session, and what is said where mailboxes begin.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imapHost, testPassword, testUser } from '../../support/imap-host.js';
import { oneCertificate } from '../../support/server-tls.js';

const always = 'IMAP4rev1 IMAP4rev2 SASL-IR ID ENABLE IDLE LITERAL+';
const afterLogin =
  'COMPRESS=DEFLATE CHILDREN NAMESPACE UNSELECT MULTIAPPEND REPLACE LIST-EXTENDED LIST-STATUS STATUS=SIZE SPECIAL-USE CREATE-SPECIAL-USE QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE UIDPLUS UIDONLY ' +
  'CONDSTORE QRESYNC OBJECTID UTF8=ACCEPT BINARY MOVE PREVIEW SAVEDATE ESEARCH SEARCHRES WITHIN PARTIAL SORT SORT=DISPLAY ESORT THREAD=ORDEREDSUBJECT THREAD=REFERENCES THREAD=REFS I18NLEVEL=1 APPENDLIMIT=1073741824';
const challenges = 'AUTH=CRAM-MD5 AUTH=DIGEST-MD5 AUTH=SCRAM-SHA-1 AUTH=SCRAM-SHA-256';
const passwords = `AUTH=PLAIN AUTH=LOGIN ${challenges}`;
const elsewhere = { remoteIp: '192.0.2.7', localIp: '192.0.2.1' };

test('CAPABILITY: short before login, long after it', async (t) => {
  const host = await imapHost(t);
  const client = await host.connect();
  const [before = ''] = await client.ask('CAPABILITY');
  assert.equal(before, `* CAPABILITY ${always} ${passwords}`);
  assert.equal(
    await client.tagged(`LOGIN ${testUser} ${testPassword}`),
    `OK [CAPABILITY ${always} ${afterLogin}] Logged in`,
  );
  assert.deepEqual(await client.ask('CAPABILITY'), [
    `* CAPABILITY ${always} ${afterLogin}`,
    'OK Capability completed.',
  ]);
});

test('CAPABILITY: without TLS no password from elsewhere; after STARTTLS as at home', async (t) => {
  const host = await imapHost(t, { tls: await oneCertificate() });
  const client = await host.connectAs(elsewhere);
  assert.equal((await client.ask('CAPABILITY'))[0], `* CAPABILITY ${always} STARTTLS LOGINDISABLED ${challenges}`);
  assert.equal(await client.tagged('STARTTLS'), 'OK Begin TLS negotiation now.');
  await client.secure();
  const bound = 'AUTH=SCRAM-SHA-1-PLUS AUTH=SCRAM-SHA-256-PLUS';
  assert.equal((await client.ask('CAPABILITY'))[0], `* CAPABILITY ${always} ${passwords} ${bound}`);
  const secret = Buffer.from(`\0${testUser}\0${testPassword}`).toString('base64');
  assert.equal(
    await client.tagged(`AUTHENTICATE PLAIN ${secret}`),
    `OK [CAPABILITY ${always} ${afterLogin}] Logged in`,
  );
});

test('NAMESPACE without a prefix and with INBOX., as LIST "" "" tells the separator', async (t) => {
  for (const prefix of ['', 'INBOX.'] as const) {
    const client = await (await imapHost(t, { settings: { prefix } })).loggedIn();
    assert.deepEqual(await client.ask('NAMESPACE'), [
      `* NAMESPACE (("${prefix}" ".")) NIL NIL`,
      'OK Namespace completed.',
    ]);
    assert.equal((await client.ask('LIST "" ""'))[0], '* LIST (\\Noselect) "." ""');
    assert.match(await client.tagged(`CREATE ${prefix}Work`), /^OK /);
    assert.ok((await client.ask('LIST "" *')).some((line) => line.endsWith(` "." ${prefix}Work`)));
    assert.equal(
      await client.tagged('NAMESPACE x'),
      'BAD Error in IMAP command NAMESPACE: Unexpected extra arguments.',
    );
  }
});

test("SETQUOTA: limits are the administrator's, and QUOTASET is not listed", async (t) => {
  const client = await (await imapHost(t)).loggedIn();
  assert.match(await client.tagged('SETQUOTA "User quota" (STORAGE 512)'), /^(?:NO|BAD) /);
  assert.deepEqual(await client.ask('NOOP'), ['OK NOOP completed.']);
});
