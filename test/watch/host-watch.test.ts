// Changes of a host's files, made as the original tools make them, and the events that come of them.

import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeCdb } from '../../src/formats/databases/cdb.js';
import { compileRules, ruleData } from '../../src/formats/databases/tcprules.js';
import { replace, WatchedHost } from './watched-host.js';

/** Both ways to notice; polling often, so that the tests are quick. */
const modes = [
  { name: 'kernel events', options: { mode: 'auto' as const } },
  { name: 'polling', options: { mode: 'poll' as const, times: { pollMs: 50 } } },
];

for (const { name: mode, options } of modes) {
  test(`${mode}: accounts`, async (t) => {
    const host = new WatchedHost(t);
    host.addDomain('example.jp', ['joe', 'postmaster']);
    host.assign();
    await host.start(options);
    await host.expect();

    host.setAccount('example.jp', 'ann', {});
    await host.expect('user added ann@example.jp');
    host.setAccount('example.jp', 'joe', { passwd: '$1$ijklmnop$ghzAEyFQw8Gil.G/AoF0b/' });
    await host.expect('password changed joe@example.jp');
    host.setAccount('example.jp', 'joe', { clear: 'secret' });
    await host.expect('password changed joe@example.jp');
    host.setAccount('example.jp', 'joe', { quota: '5000000S' });
    await host.expect('quota changed joe@example.jp: NOQUOTA -> 5000000S');
    host.setAccount('example.jp', 'joe', { gid: 0x80002 });
    await host.expect('flags changed joe@example.jp: +NO_POP +0x80000');
    host.setAccount('example.jp', 'joe', { gecos: 'Joe' });
    await host.expect('user changed joe@example.jp');
    host.setAccount('example.jp', 'ann', undefined);
    await host.expect('user removed ann@example.jp');
  });

  test(`${mode}: domains and alias domains, in domains/, below a directory of the hash and elsewhere`, async (t) => {
    const host = new WatchedHost(t);
    host.addDomain('first.example', ['postmaster']);
    host.assign();
    await host.start(options);

    host.addDomain('second.example', ['postmaster'], { directory: '/home/vpopmail/domains/0/second.example' });
    host.addDomain('third.example', ['postmaster'], { directory: '/srv/mail/domains/third.example' });
    host.addAlias('alias.example', 'second.example');
    host.assign();
    await host.expect(
      'domain added second.example',
      'domain added third.example',
      'alias domain added alias.example of second.example',
      'user added postmaster@second.example',
      'user added postmaster@third.example',
    );
    host.setAccount('third.example', 'joe', {});
    host.setAccount('second.example', 'ann', {});
    await host.expect('user added joe@third.example', 'user added ann@second.example');

    host.domains.delete('alias.example');
    host.removeDomain('third.example');
    host.assign('=joe:joe:500:500:/home/joe:::\n');
    await host.expect(
      'domain removed third.example',
      'alias domain removed alias.example of second.example',
      'assignments changed: +=joe:joe:500:500:/home/joe::',
    );
  });

  test(`${mode}: aliases, the catch-all and limits, rewritten in place as the tools do`, async (t) => {
    const host = new WatchedHost(t);
    host.addDomain('example.jp', ['postmaster']);
    const file = (name: string): string => host.place('example.jp', name);
    writeFileSync(file('.qmail-default'), "| /home/vpopmail/bin/vdelivermail '' bounce-no-mailbox\n");
    host.assign();
    await host.start(options);
    await host.expect();

    writeFileSync(file('.qmail-first:last'), '&joe@example.jp\n');
    await host.expect('alias changed first.last@example.jp: added');
    appendFileSync(file('.qmail-first:last'), '&ann@example.jp\n');
    await host.expect('alias changed first.last@example.jp: changed');
    writeFileSync(file('.qmail-default'), "| /home/vpopmail/bin/vdelivermail '' delete\n");
    await host.expect('alias changed default@example.jp: changed');
    chmodSync(file('.qmail-first:last'), 0o700);
    await host.expect('alias changed first.last@example.jp: changed');
    unlinkSync(file('.qmail-first:last'));
    await host.expect('alias changed first.last@example.jp: removed');

    writeFileSync(file('.qmailadmin-limits'), 'maxpopaccounts: 50\ndisable_pop\n');
    await host.expect('limits changed example.jp: maxpopaccounts -1 -> 50 +disable_pop');
    writeFileSync(file('.qmailadmin-limits'), 'maxpopaccounts: 50\n');
    await host.expect('limits changed example.jp: -disable_pop');
    writeFileSync(host.layout.etc('vlimits.default'), 'disable_imap\n');
    await host.expect('limits changed (all domains without their own): +disable_imap');
  });

  test(`${mode}: control files, access rules, the map of addresses`, async (t) => {
    const host = new WatchedHost(t);
    const control = (name: string): string => host.layout.control(name);
    writeFileSync(control('rcpthosts'), 'a.example\nb.example\n');
    writeFileSync(control('servercert.pem'), 'private\n');
    host.assign();
    await host.start(options);
    await host.expect();

    replace(control('rcpthosts'), 'b.example\nc.example\n', 'rcpthosts.4711');
    await host.expect('control rcpthosts changed: +c.example -a.example');
    writeFileSync(control('databytes'), '1000\n');
    await host.expect('control databytes added: +1000');
    unlinkSync(control('databytes'));
    await host.expect('control databytes removed: -1000');
    replace(control('servercert.pem'), 'another\n');
    await host.expect('control servercert.pem changed');
    writeFileSync(control('smtproutes'), 'x.example:relay.example joe secret\n');
    await host.expect('control smtproutes added: +x.example:relay.example');
    writeFileSync(control('smtproutes'), 'x.example:relay.example joe another\n');
    await host.expect('control smtproutes changed');
    writeFileSync(control('smtproutes'), 'y.example:relay.example:587|joe|secret\n');
    await host.expect('control smtproutes changed: +y.example:relay.example:587 -x.example:relay.example');
    writeFileSync(control('rcpthosts.lock'), '');
    writeFileSync(control('morercpthosts'), 'd.example\n');
    replace(control('morercpthosts.cdb'), makeCdb([{ key: 'd.example', data: '' }]));
    await host.expect('control morercpthosts added: +d.example');

    const rules = compileRules(Buffer.from('10.:allow,RELAYCLIENT=""\n:deny\n'), 'rules');
    replace(host.layout.smtpRulesCdb, makeCdb(rules), 'smtp.tmp');
    await host.expect('tcp rules changed: +10.:allow,RELAYCLIENT= +:deny');
    replace(
      host.layout.smtpRulesCdb,
      makeCdb([{ key: '', data: ruleData({ address: '', deny: false, settings: [] }) }]),
    );
    await host.expect('tcp rules changed: +:allow -10.:allow,RELAYCLIENT= -:deny');
    writeFileSync(host.layout.etc('ip_alias_map'), '192.0.2.1 example.jp\n');
    await host.expect('ip alias map changed: +192.0.2.1 example.jp');
    writeFileSync(host.layout.etc('defaultdomain'), 'example.jp\n');
    await host.expect('default domain changed: +example.jp');
  });

  test(`${mode}: between the renames of vpasswd and of its cdb nothing is told`, async (t) => {
    const host = new WatchedHost(t);
    host.addDomain('example.jp', ['joe']);
    host.assign();
    await host.start(options);
    host.accounts.get('example.jp')?.set('ann', {});
    host.writeText('example.jp');
    await sleep(500);
    assert.deepEqual(host.events, []);
    host.writeIndex('example.jp');
    await host.expect('user added ann@example.jp');
  });

  test(`${mode}: a removed and re-created directory is watched again`, async (t) => {
    const host = new WatchedHost(t);
    host.addDomain('example.jp', ['joe', 'ann']);
    host.assign();
    await host.start(options);
    rmSync(host.place('example.jp'), { recursive: true });
    // Nothing is told of a directory that is gone: users/cdb removes domains.
    await host.expect();
    mkdirSync(host.place('example.jp'));
    host.setAccount('example.jp', 'joe', undefined);
    await host.expect('user removed joe@example.jp');
    host.setAccount('example.jp', 'bob', {});
    await host.expect('user added bob@example.jp');

    // Removed and made again in one go, as vdeldomain and vadddomain in a row do.
    rmSync(host.place('example.jp'), { recursive: true });
    mkdirSync(host.place('example.jp'));
    host.setAccount('example.jp', 'carl', {});
    await host.expect('user added carl@example.jp');
    host.setAccount('example.jp', 'dora', {});
    await host.expect('user added dora@example.jp');

    // Another directory in its place.
    renameSync(host.place('example.jp'), `${host.place('example.jp')}.old`);
    mkdirSync(host.place('example.jp'));
    host.setAccount('example.jp', 'dora', undefined);
    await host.expect('user removed dora@example.jp');
  });

  test(`${mode}: a domain that moves is compared with what it was`, async (t) => {
    const host = new WatchedHost(t);
    host.addDomain('example.jp', ['joe', 'ann']);
    host.assign();
    await host.start(options);
    host.addDomain('example.jp', ['joe', 'ann', 'bob'], { directory: '/srv/mail/example.jp' });
    host.assign();
    const moved = ['domain moved example.jp', 'user added bob@example.jp'];
    // The accounts' own directories are others too.
    await host.expect(...moved, 'user changed joe@example.jp', 'user changed ann@example.jp');
    host.setAccount('example.jp', 'bob', undefined);
    await host.expect('user removed bob@example.jp');
  });

  test(`${mode}: a missing users/cdb removes no domain, a broken vpasswd.cdb no account`, async (t) => {
    const host = new WatchedHost(t);
    host.addDomain('example.jp', ['joe']);
    host.assign();
    await host.start(options);
    unlinkSync(host.layout.usersCdb);
    replace(host.place('example.jp', 'vpasswd.cdb'), Buffer.alloc(3000), 'cdb.tmp');
    await sleep(3000);
    await host.expect();
    assert.match(host.log.join('\n'), /users: .*cdb is missing; run qmail-newu/);
    assert.match(host.log.join('\n'), /example\.jp: .*vpasswd\.cdb at byte 0: table 0 lies within the header/);
    host.setAccount('example.jp', 'joe', { gid: 2 });
    host.addDomain('second.example');
    host.assign();
    await host.expect('flags changed joe@example.jp: +NO_POP', 'domain added second.example');
    assert.equal(host.log.filter((line) => line.startsWith('warning')).length, 2);
  });
}

test('several writes of one tool call are one event', async (t) => {
  const host = new WatchedHost(t);
  host.addDomain('example.jp', ['joe']);
  host.assign();
  await host.start();
  // vadduser -q -e: four rewrites, a few milliseconds apart.
  for (const account of [{}, { quota: '1S' }, { passwd: 'x' }, { quota: '2S' }]) {
    host.setAccount('example.jp', 'ann', account);
    await sleep(10);
  }
  await host.expect('user added ann@example.jp');
});

test('under an endless stream of changes events come all the same, each once', async (t) => {
  const host = new WatchedHost(t);
  host.addDomain('example.jp', ['joe']);
  host.assign();
  await host.start();
  const added: string[] = [];
  const until = performance.now() + 2000;
  let seenAtHalf = 0;
  while (performance.now() < until) {
    const user = `u${String(added.length).padStart(5, '0')}`;
    host.setAccount('example.jp', user, {});
    added.push(`user added ${user}@example.jp`);
    await sleep(5);
    if (until - performance.now() < 1000 && seenAtHalf === 0) seenAtHalf = host.events.length;
  }
  assert.ok(seenAtHalf > 0, 'some were told before the stream ended');
  await host.expect(...added);
});

test('what changed before a domain was learned is told as far as it is known', async (t) => {
  const host = new WatchedHost(t);
  host.addDomain('example.jp', ['joe']);
  host.addDomain('second.example', ['joe']);
  host.assign();
  await sleep(100);
  writeFileSync(host.layout.control('locals'), 'old\n');
  await sleep(100);
  const learned = host.start({ sinceMs: Date.now() });
  host.setAccount('example.jp', 'ann', {});
  writeFileSync(host.layout.control('me'), 'new\n');
  await learned;
  await host.expect('domain changed example.jp', 'control me changed');
  host.setAccount('example.jp', 'bob', {});
  await host.expect('user added bob@example.jp');
});

test('a watch that takes up the work of another one tells of the time between', async (t) => {
  const host = new WatchedHost(t);
  host.addDomain('example.jp', ['joe']);
  host.addDomain('second.example', ['joe']);
  host.assign();
  await sleep(100);
  const sinceMs = Date.now();
  host.setAccount('example.jp', 'ann', {});
  await host.start({ sinceMs });
  await host.expect('domain changed example.jp');
});

test('an account without a cdb is found in vpasswd; a DOS line end is no other quota', async (t) => {
  const host = new WatchedHost(t);
  host.addDomain('example.jp', ['joe']);
  unlinkSync(host.place('example.jp', 'vpasswd.cdb'));
  host.assign();
  await host.start();
  const text = host.vpasswd('example.jp').toString('latin1');
  replace(host.place('example.jp', 'vpasswd'), text.replaceAll('\n', '\r\n'));
  await host.expect();
  replace(host.place('example.jp', 'vpasswd'), `${text}ann:x:1:0:ann:/x:NOQUOTA\n`);
  await host.expect('user added ann@example.jp');
});

test('names above ASCII, a list behind a link, a directory with the name of an alias', async (t) => {
  const host = new WatchedHost(t);
  host.addDomain('example.jp', ['joe']);
  host.assign();
  await host.start();
  writeFileSync(Buffer.from(host.place('example.jp', '.qmail-caf\u00e9'), 'latin1'), '&joe\n');
  await host.expect('alias changed caf\u00e9@example.jp: added');
  mkdirSync(host.place('example.jp', 'list'));
  writeFileSync(host.place('example.jp', 'list/editor'), '| ezmlm-send\n');
  symlinkSync('list/editor', host.place('example.jp', '.qmail-list'));
  mkdirSync(host.place('example.jp', '.qmail-directory'));
  symlinkSync('nothing', host.place('example.jp', '.qmail-dangling'));
  await host.expect('alias changed list@example.jp: added');
});

test('of two owners each watch tells of its own domains, and one of the host', async (t) => {
  const host = new WatchedHost(t);
  host.addDomain('example.jp', ['joe'], { uid: 89 });
  host.addDomain('other.example', ['joe'], { uid: 500 });
  host.assign();
  const others: string[] = [];
  const scope = {
    owner: { uid: 89, gid: 89 },
    ofHost: true,
    others: (owners: readonly { uid: number }[]) => others.push(owners.map(({ uid }) => uid).join()),
  };
  const first = await host.start({ scope });
  host.setAccount('example.jp', 'ann', {});
  host.setAccount('other.example', 'bob', {});
  host.addDomain('third.example', ['joe'], { uid: 501 });
  host.assign();
  await host.expect('user added ann@example.jp', 'domain added third.example');
  assert.deepEqual(others, ['500', '500,501']);
  await first.close();

  await host.start({ scope: { owner: { uid: 500, gid: 500 }, ofHost: false } });
  host.setAccount('example.jp', 'carl', {});
  host.setAccount('other.example', 'dora', {});
  host.addDomain('fourth.example', ['joe'], { uid: 500 });
  writeFileSync(host.layout.control('me'), 'x\n');
  host.assign();
  await host.expect('user added dora@other.example', 'user added joe@fourth.example');
});

test('nothing is told after the end', async (t) => {
  const host = new WatchedHost(t);
  host.addDomain('example.jp', ['joe']);
  host.assign();
  const watch = await host.start();
  host.setAccount('example.jp', 'ann', {});
  await watch.close();
  await host.expect();
});
