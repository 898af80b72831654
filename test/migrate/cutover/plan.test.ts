// Whose ports a move takes over, where several programs have mail ports: by a /proc and files of other programs.

import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'node:test';
import { type MovedProtocol, type Plan, planOf } from '../../../migrate/cutover/plan.js';
import { Layout } from '../../../src/layout.js';
import { VpopmailHost } from '../../support/vpopmail-host.js';
import { writeProc } from '../host/proc.js';

const master = { pid: 10, command: ['/usr/lib/postfix/sbin/master', '-w'] };
const dovecot = { pid: 20, command: ['/usr/sbin/dovecot', '-F'] };
const stunnel = { pid: 30, command: ['/usr/bin/stunnel4', '/etc/stunnel/pop.conf'] };
const courier = { pid: 40, command: ['/usr/sbin/couriertcpd', '-address=0', '143'] };
const ports = { smtp: '0019', submission: '024B', smtps: '01D1', pop3: '006E', pop3s: '03E3', imap: '008F' } as const;
const submission = 'submission inet n - y - - smtpd\n';
const unit = '[Service]\nExecStart=/usr/sbin/dovecot -F\n';

interface Row {
  readonly why: string;
  readonly files: Readonly<Record<string, string>>;
  readonly held: Partial<Record<keyof typeof ports, typeof master>>;
  readonly protocols: readonly MovedProtocol[];
  /** Whose it is and what moves, or the reason why nothing does. */
  readonly expected: string;
}

const rows: readonly Row[] = [
  {
    why: "Postfix gives up its own port, and another program's port of the same family stays",
    files: { 'etc/postfix/master.cf': submission },
    held: { submission: master, smtps: stunnel },
    protocols: ['submission'],
    expected: 'Postfix: submission=0.0.0.0:587',
  },
  {
    why: 'both ports of Postfix',
    files: { 'etc/postfix/master.cf': `${submission}submissions inet n - y - - smtpd\n` },
    held: { submission: master, smtps: master },
    protocols: ['submission'],
    expected: 'Postfix: smtps=0.0.0.0:465 submission=0.0.0.0:587',
  },
  {
    why: 'of a Postfix that does not run just now, the place that master.cf names',
    files: { 'etc/postfix/master.cf': submission },
    held: {},
    protocols: ['submission'],
    expected: 'Postfix: submission=0.0.0.0:587',
  },
  {
    why: 'files of a Postfix that is no more, and somebody who listens',
    files: { 'etc/postfix/master.cf': submission },
    held: { submission: stunnel },
    protocols: ['submission'],
    expected: 'who starts submission and smtps was not found',
  },
  {
    why: "Dovecot's POP3, not what stands before it",
    files: { 'etc/dovecot/dovecot.conf': 'protocols = imap pop3\n', 'etc/systemd/system/dovecot.service': unit },
    held: { imap: dovecot, pop3: dovecot, pop3s: stunnel },
    protocols: ['pop3'],
    expected: 'Dovecot: pop3=0.0.0.0:110',
  },
  {
    why: 'protocols that a Dovecot of Debian includes',
    files: {
      'etc/dovecot/dovecot.conf': '!include_try /usr/share/dovecot/protocols.d/*.protocol\n',
      'usr/share/dovecot/protocols.d/imapd.protocol': 'protocols = $protocols imap\n',
      'usr/share/dovecot/protocols.d/pop3d.protocol': 'protocols = $protocols pop3\n',
    },
    held: { imap: dovecot, pop3: dovecot, pop3s: dovecot },
    protocols: ['pop3'],
    expected: 'Dovecot: pop3=0.0.0.0:110 pop3s=0.0.0.0:995',
  },
  {
    why: 'a Dovecot that says nothing, as it was built',
    files: { 'etc/dovecot/dovecot.conf': 'listen = *\n' },
    held: { imap: dovecot, pop3: dovecot },
    protocols: ['imap'],
    expected: 'Dovecot: imap=0.0.0.0:143',
  },
  {
    why: 'files of a Dovecot beside a Courier at its ports',
    files: { 'etc/dovecot/dovecot.conf': 'protocols = imap\n' },
    held: { imap: courier },
    protocols: ['imap'],
    expected: 'who starts imap and imaps was not found',
  },
  {
    why: 'a Dovecot whose configuration is elsewhere, and that has more ports than are asked for',
    files: { 'etc/systemd/system/dovecot.service': unit },
    held: { imap: dovecot, pop3: dovecot },
    protocols: ['imap'],
    expected: 'dovecot.service serves pop3 too',
  },
  {
    why: 'the same, moved whole',
    files: { 'etc/systemd/system/dovecot.service': unit },
    held: { imap: dovecot, pop3: dovecot },
    protocols: ['imap', 'pop3'],
    expected: 'dovecot.service: pop3=0.0.0.0:110 imap=0.0.0.0:143',
  },
];

describe('what a move takes', () => {
  for (const { why, files, held, protocols, expected } of rows)
    it(why, (t) => {
      const host = new VpopmailHost(t);
      for (const [name, text] of Object.entries(files)) host.write(path.join(host.root, name), text);
      const proc = path.join(host.root, 'proc');
      const sockets = Object.entries(held).map(([name, holder], index) => ({
        at: `00000000:${ports[name as keyof typeof ports]}`,
        inode: 100 + index,
        ...holder,
      }));
      writeProc(proc, sockets.length > 0 ? sockets : [{ at: '00000000:0016', inode: 99 }]);
      const options = { listen: [], serve: [], manager: 'systemd', proc } as const;
      assert.equal(
        textOf(planOf(new Layout({ root: host.root }), protocols, options)).slice(0, expected.length),
        expected,
      );
    });
});

function textOf(plan: Plan): string {
  return 'move' in plan ? `${plan.move.old}: ${plan.move.places.join(' ')}` : plan.why;
}
