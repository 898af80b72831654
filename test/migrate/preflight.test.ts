import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { Looker } from '../../migrate/host/part.js';
import { heldPorts } from '../../migrate/host/ports.js';
import { servicesIn } from '../../migrate/host/services.js';
import { lookAtHost, type Preflight } from '../../migrate/preflight/report.js';
import { Layout } from '../../src/layout.js';
import { soundHost } from '../stores/broken-hosts.js';
import { callTool } from '../support/call-tool.js';
import { needsRoot } from '../support/needs.js';
import { newRoot, removeRoot } from '../support/recording.js';
import { runToolProgram } from '../support/tool-program.js';
import { treePicture } from '../support/tree-picture.js';
import { writeProc } from './host/proc.js';

const domain = '/home/vpopmail/domains/mailtest.example.jp';

/** A host with a bit of everything that preflight knows. */
function fullHost(t: { after(act: () => void): void }): ReturnType<typeof soundHost> {
  const host = soundHost();
  t.after(() => removeRoot(host.root));
  host.write('/var/qmail/control/smtpplugins', '[rcpt]\n');
  host.write('/var/qmail/bin/qmail-smtpd', 'ELF STARTTLS AUTH LOGIN RCPTCHECK');
  host.write('/var/qmail/bin/qmail-send', 'ELF');
  host.write('/home/vpopmail/etc/vpopmail.mysql', 'localhost|0|vpopmail|secret|vpopmail\n');
  host.write(`${domain}/.qmail-vac`, '|preline -f /usr/bin/autorespond 86400 3 a b\n|/opt/own/filter <x> | sort\n');
  host.write(
    '/etc/postfix/main.cf',
    'relay_domains = a.jp,\n  b.jp\n# virtual_transport = x\nsmtpd_sasl_type = dovecot\n',
  );
  host.write(
    '/etc/postfix/master.cf',
    'smtp      inet  n - y - - smtpd\nsubmission inet n - y - - smtpd\n  -o syslog_name=x\npickup unix n - y 60 1 pickup\n',
  );
  host.write('/etc/dovecot/dovecot.conf', 'protocols = pop3\n');
  host.write('/etc/dovecot/conf.d/20-pop3.conf', 'protocol pop3 {\n  pop3_uidl_format = %f\n}\n');
  host.write(
    '/var/qmail/supervise/qmail-smtpd/run',
    '#!/bin/sh\nRULES=/home/vpopmail/etc/tcp.smtp.cdb\nexec tcpserver -v -R \\\n  -x $RULES -u 89 -g 89 0 smtp /var/qmail/bin/qmail-smtpd\n',
  );
  host.write('/lib/systemd/system/qmail.service', '[Service]\nExecStart=/var/qmail/bin/qmail-start ./Maildir/\n');
  host.write(`${domain}/test/Maildir/new/1.1.h,S=1000`, 'short');
  host.write(`${domain}/test/Maildir/.Work/cur/2.1.h:2,S`, 'abc');
  return host;
}

function partNames({ parts }: Preflight, support: string): string[] {
  return parts.filter((part) => part.support === support).map(({ name }) => name);
}

describe('migrate preflight', () => {
  it('tells what is here and what of it is not in vqmail yet, with the file', async (t) => {
    const host = fullHost(t);
    const report = await lookAtHost(new Layout({ root: host.root }), { now: new Date(0) });
    const missing = partNames(report, 'missing');
    for (const name of ['qmail-spp plugins', 'MySQL accounts']) assert.ok(missing.includes(name), name);
    const served = partNames(report, 'served');
    for (const name of [
      'qmail',
      'TLS patch',
      'SMTP AUTH patch',
      'clear passwords',
      'Postfix: relay_domains = a.jp, b.jp',
      'Postfix listens on submission',
      'Dovecot: pop3_uidl_format = %f',
    ])
      assert.ok(served.includes(name), name);
    assert.ok(!report.parts.some(({ name }) => name.includes('virtual_transport')), 'a comment is no setting');
    const own = report.parts.find(({ name }) => name === 'filter');
    assert.deepEqual(own && [own.path, own.line, own.support], [`${domain}/.qmail-vac`, 2, 'unknown']);
    assert.match(own?.text ?? '', /not there/);
  });

  it('tells of control files of patches which of them are read', async (t) => {
    const host = soundHost();
    t.after(() => removeRoot(host.root));
    for (const name of ['outgoingip', 'domainbindings', 'authsenders', 'tlsclients', 'badhelo'])
      host.write(`/var/qmail/control/${name}`, '');
    const { parts } = await lookAtHost(new Layout({ root: host.root }), { now: new Date(0) });
    const found = parts.filter((part) => path.dirname(part.path) === '/var/qmail/control');
    assert.deepEqual(Object.fromEntries(found.map((part) => [path.basename(part.path), part.support])), {
      outgoingip: 'served',
      domainbindings: 'missing',
      authsenders: 'served',
      tlsclients: 'served',
      badhelo: 'missing',
    });
  });

  it('tells how services are started, and what follows for the commands', async (t) => {
    const host = fullHost(t);
    const { services, steps } = await lookAtHost(new Layout({ root: host.root }), { now: new Date(0) });
    assert.deepEqual(
      services.map(({ protocol, manager, port, rules }) => [protocol, manager, port, rules]),
      [
        ['smtp', 'daemontools', 25, '/home/vpopmail/etc/tcp.smtp.cdb'],
        ['queue', 'systemd', undefined, undefined],
      ],
    );
    const commands = steps.flatMap((step) => step.commands).join('\n');
    assert.match(
      commands,
      /^vqmail migrate cutover smtp .*--beside smtp=127\.0\.0\.1:10025 --yes -- .*--tcp-dir \S*\/etc$/m,
    );
    assert.match(commands, /^vqmail migrate rollback smtp --root \S+ --yes$/m);
    assert.match(commands, /^vqmail migrate cutover queue --root \S+ --yes$/m);
    const notes = steps.map((step) => `${step.title}: ${step.note}`).join('\n');
    assert.match(notes, /^Move smtp: It is \/var\/qmail\/supervise\/qmail-smtpd /m);
    assert.match(notes, /^Take the queue: It is qmail\.service /m);
    assert.match(commands, /--uidl 'dovecot:%f' --tcp-dir \S*\/home\/vpopmail\/etc --queue beside/);
  });

  it('counts accounts, Maildirs, messages and bytes, and how passwords are kept', async (t) => {
    const host = fullHost(t);
    const { size } = await lookAtHost(new Layout({ root: host.root }), { now: new Date(0) });
    const found = size.domains.find(({ name }) => name === 'mailtest.example.jp');
    assert.ok(found);
    assert.equal(found.messages, 2 + countedBefore(host.root));
    assert.equal(found.folders, 1);
    assert.equal(found.aliases, 1);
    assert.equal(
      Object.values(found.hashes).reduce((sum, count) => sum + count, 0),
      found.accounts,
    );
    assert.ok(found.bytes >= 1003, 'the size in the name counts, else that of the file');
  });

  it('has every finding of check, each with its domain', async (t) => {
    const host = fullHost(t);
    host.remove(`${domain}/.qmail-default`);
    const { problems } = await lookAtHost(new Layout({ root: host.root }), { now: new Date(0) });
    const { stdout } = await callTool(host.root, ['check']);
    assert.equal(problems.length, stdout.trimEnd().split('\n').length);
    assert.ok(
      problems.some(({ domain: of, path: file }) => of === 'mailtest.example.jp' && file.endsWith('.qmail-default')),
    );
  });

  it('changes nothing: a picture of the tree before and after, atime aside', async (t) => {
    const host = fullHost(t);
    host.remove(`${domain}/vpasswd.cdb`);
    const page = path.join(newRoot(), 'page.html');
    t.after(() => removeRoot(path.dirname(page)));
    const before = treePicture(host.root);
    for (const args of [[], ['--json'], ['--html', page]]) {
      const { status, stderr } = await runToolProgram(host.root, ['migrate', 'preflight', ...args]);
      assert.equal(status, 0, stderr);
    }
    assert.deepEqual(treePicture(host.root), before);
  });

  it('prints JSON, and a page that needs nothing else and has every text escaped', async (t) => {
    const host = fullHost(t);
    host.write(`${domain}/.qmail-evil`, '|/bin/<script>alert&"\n');
    const json = await callTool(host.root, ['migrate', 'preflight', '--json']);
    assert.ok((JSON.parse(json.stdout) as Preflight).parts.length > 5);
    const page = path.join(newRoot(), 'page.html');
    t.after(() => removeRoot(path.dirname(page)));
    const { exit, stdout } = await callTool(host.root, ['migrate', 'preflight', '--html', page]);
    assert.deepEqual([exit, stdout], [0, '']);
    const text = fs.readFileSync(page, 'utf8');
    assert.doesNotMatch(text, /<script|src=|href=|url\(/);
    assert.match(text, /&#60;script&#62;alert/);
    assert.match(text, /<svg /);
    for (const tag of ['table', 'tr', 'td', 'h2', 'svg', 'ol', 'li', 'code'])
      assert.equal(
        text.match(new RegExp(`<${tag}[ >]`, 'g'))?.length,
        text.match(new RegExp(`</${tag}>`, 'g'))?.length,
        tag,
      );
  });

  it('runs as any user and says what it could not see', async (t) => {
    if (!needsRoot(t)) return;
    const host = fullHost(t);
    fs.chmodSync(host.root, 0o755);
    const { status, stdout } = await runToolProgram(host.root, ['migrate', 'preflight'], {
      owner: { uid: 65534, gid: 65534 },
    });
    assert.equal(status, 0);
    assert.match(stdout, /^not seen$[\s\S]*only root can judge owners/m);
    assert.match(stdout, /this user may not look at it/);
  });

  it('of wrong usage says so', async (t) => {
    const host = fullHost(t);
    assert.equal((await callTool(host.root, ['migrate', 'preflight', '--nothing'])).exit, 100);
    assert.equal((await callTool(host.root, ['migrate', 'nothing'])).exit, 100);
    assert.equal((await callTool(host.root, ['migrate'])).exit, 100);
  });
});

/** Messages that the recorded host came with. */
function countedBefore(root: string): number {
  const names = fs.readdirSync(path.join(root, domain), { recursive: true, encoding: 'latin1' });
  return names.filter((name) => /\/(new|cur)\/[^/.][^/]*$/.test(name)).length - 2;
}

describe('the ports that are held', () => {
  it('are told with the process that holds them, by /proc', (t) => {
    const proc = newRoot();
    t.after(() => removeRoot(proc));
    writeProc(proc, [
      { at: '0100007F:0019', inode: 11, pid: 77, command: ['tcpserver', '0', '25'] },
      { at: '0100007F:006E', inode: 12, isConnected: true },
      { at: '00000000:1F90', inode: 13 },
      { at: '00000000000000000000000001000000:008F', inode: 14, pid: 77, command: ['tcpserver', '0', '25'] },
      { at: '00000000000000000000000000000000:006E', inode: 15 },
    ]);
    assert.deepEqual(heldPorts(new Looker(new Layout()), proc), [
      { address: '127.0.0.1', port: 25, protocol: 'smtp', pid: 77, command: 'tcpserver 0 25' },
      { address: '[::]', port: 110, protocol: 'pop3', pid: undefined, command: '' },
      { address: '[::1]', port: 143, protocol: 'imap', pid: 77, command: 'tcpserver 0 25' },
    ]);
  });
});

describe('a start script', () => {
  const rows: readonly [name: string, text: string, found: readonly unknown[]][] = [
    [
      'tcpserver with joined options',
      'tcpserver -vRHl0 -x/etc/tcp/pop3.cdb 10.0.0.1 pop3 qmail-popup mx vchkpw qmail-pop3d Maildir &',
      [['pop3', '10.0.0.1', 110, '/etc/tcp/pop3.cdb']],
    ],
    [
      'a number as port',
      'exec sslserver -e -c 40 0 995 /var/qmail/bin/qmail-popup mx /bin/vchkpw /var/qmail/bin/qmail-pop3d Maildir',
      [['pop3s', '0.0.0.0', 995, undefined]],
    ],
    [
      'submission on its own port',
      'env - PATH="/bin" tcpserver 0 587 qmail-smtpd',
      [['submission', '0.0.0.0', 587, undefined]],
    ],
    [
      'qmail-start',
      'exec env - PATH=/var/qmail/bin:$PATH qmail-start ./Maildir/ splogger qmail',
      [['queue', undefined, undefined, undefined]],
    ],
    ['a comment', '# tcpserver 0 25 qmail-smtpd', []],
    ['a script that only names a program', 'echo restarting qmail-smtpd', []],
  ];
  for (const [name, text, found] of rows) {
    it(name, () => {
      const services = servicesIn(`#!/bin/sh\n${text}\n`, { path: '/x/run', name: '/x', manager: 'script' });
      assert.deepEqual(
        services.map(({ protocol, address, port, rules }) => [protocol, address, port, rules]),
        found,
      );
      assert.ok(services.every(({ line }) => line === 2));
    });
  }
});
