// runit's sv, systemd and FreeBSD's rc: what fails goes back by itself, to ours, and back. runit and Dovecot are Debian's; for systemctl, service and sysrc stand small scripts, which
// start what the files say.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { needs, needsRoot } from '../../support/needs.js';
import { freePort, waitForPort } from '../../support/ports.js';
import { run } from '../../support/program.js';
import { CutoverHost, isDown, movesAndReturns } from './cutover-host.js';
import { dovecotAt } from './dovecot-host.js';

/** Stands in for systemctl: starts what ExecStart= says, with the sockets of the socket units that are named with it, and ends it by its process id. */
const systemctl = (root: string): string => `
units=${root}/etc/systemd/system; pids=${root}/pids
mkdir -p $pids; echo "$*" >> $pids/log
[ "$1" = daemon-reload ] && exit 0
order=$1; shift 2
sockets=; names=
for unit; do
  case $unit in *.socket)
    sockets="$sockets -l $(sed -n 's/^ListenStream=//p' $units/$unit)"
    names="$names:$(sed -n 's/^FileDescriptorName=//p' $units/$unit)";;
  esac
done
for unit; do
  case $unit in *.service)
    if [ $order = enable ]; then
      exec=$(sed -n 's/^ExecStart=//p' $units/$unit)
      [ -n "$sockets" ] && exec="systemd-socket-activate $sockets --fdname=\${names#:} $exec"
      setsid sh -c "exec $exec" </dev/null >/dev/null 2>&1 &
      echo $! > $pids/$unit
    elif [ -f $pids/$unit ]; then
      kill $(cat $pids/$unit) 2>/dev/null; rm $pids/$unit
    fi;;
  esac
done
exit 0`;

/** Stand in for service(8), sysrc(8), rc.subr(8) and daemon(8), below the root. */
const freebsd = (root: string): Readonly<Record<string, string>> => ({
  sysrc: `echo "sysrc $*" >> ${root}/orders; echo "$1" | sed 's/=/="/; s/$/"/' >> ${root}/etc/rc.conf`,
  service: `echo "service $*" >> ${root}/orders
sed 's#/etc/rc.subr#${root}/etc/rc.subr#; s#/var/run/#${root}/#; s#/usr/sbin/daemon#${root}/programs/daemon#' ${root}/usr/local/etc/rc.d/$1 > ${root}/script.$1
exec sh ${root}/script.$1 $2`,
  daemon: `[ "$1 $2 $4" = '-S -T -p' ] || exit 1
file=$5; shift 5
setsid "$@" </dev/null >/dev/null 2>&1 &
echo $! > $file`,
});

const rcSubr = (root: string): string => `load_rc_config() { . ${root}/etc/rc.conf; }
run_rc_command() {
  eval enabled=\\$$rcvar
  case $1 in
    start) [ "$enabled" = YES ] || exit 1; eval "$command $command_args";;
    onestop) pid=$(cat $pidfile) || exit 1; kill $pid; while kill -0 $pid 2>/dev/null; do sleep 0.1; done; rm $pidfile;;
    *) exit 1;;
  esac
}
`;

describe('migrate cutover by other managers', { concurrency: true }, () => {
  it('by runit: IMAP', async (t) => {
    if (!needs(t, 'runsvdir', 'sv', 'tcpserver', 'tcpclient')) return;
    const host = new CutoverHost(t);
    const port = await freePort();
    const { ports } = await host.serve('--uidl', 'dovecot');
    host.passOn('imapd', ports.imap ?? 0);
    host.script(
      'etc/service/imapd/run',
      `exec tcpserver -HRl0 127.0.0.1 ${port} ${host.root}/var/qmail/bin/imapd 2>/dev/null`,
    );
    host.scanByRunit();
    await waitForPort(port, () => 'imapd');
    await movesAndReturns(host, {
      protocols: ['imap'],
      beside: [`imap=127.0.0.1:${ports.imap}`],
      wrong: ['--imap-namespace', 'INBOX.'],
      told: /^imap joe@a\.jp: names of folders: old "A\.B", new "INBOX\.A\.B" /m,
      serves: (isOld) => {
        const isWaiting = (name: string): boolean => existsSync(path.join(host.root, name, 'down'));
        const waiting = [isWaiting('etc/service/imapd'), isDown(host, 'vqmail-imap')];
        assert.deepEqual(waiting, [!isOld, isOld]);
      },
    });
  });

  it('by systemd: IMAP and POP3 from one Dovecot, on sockets that systemd holds', async (t) => {
    if (!needs(t, 'dovecot', 'systemd-socket-activate', 'setsid') || !needsRoot(t)) return;
    const host = new CutoverHost(t);
    await host.customaryPorts();
    const start = dovecotAt(host, '127.25.87.3');
    host.write(path.join(host.root, 'etc/systemd/system/dovecot.service'), `[Service]\nExecStart=${start}\n`);
    host.script('programs/systemctl', systemctl(host.root));
    const programs = path.join(host.root, 'programs');
    const asked = async (...words: string[]): Promise<void> =>
      assert.equal((await run([path.join(programs, 'systemctl'), ...words])).status, 0);
    host.stopWith(() => asked('disable', '--now', 'dovecot.service', 'vqmail-imap-pop3.service'));
    await asked('enable', '--now', 'dovecot.service');
    await waitForPort(143, () => 'dovecot', '127.25.87.3');
    const { ports } = await host.serve('--uidl', 'dovecot');
    await movesAndReturns(host, {
      protocols: ['imap', 'pop3'],
      beside: [`imap=127.0.0.1:${ports.imap}`, `pop3=127.0.0.1:${ports.pop3}`],
      wrong: ['--uidl', 'qmail'],
      told: /^pop3 joe@a\.jp: unique ids: /m,
      serves: (isOld) =>
        assert.deepEqual(
          ['dovecot', 'vqmail-imap-pop3'].map((name) => existsSync(path.join(host.root, `pids/${name}.service`))),
          [isOld, !isOld],
        ),
      serve: ['--uidl', 'dovecot'],
      programs,
    });
    const orders = readFileSync(path.join(host.root, 'pids/log'), 'latin1').split('\n');
    const own = 'vqmail-imap-pop3-pop3.socket vqmail-imap-pop3-imap.socket vqmail-imap-pop3.service';
    assert.deepEqual(orders.slice(-6, -1), [
      'daemon-reload',
      'disable --now dovecot.service',
      `enable --now ${own}`,
      `disable --now ${own}`,
      'enable --now dovecot.service',
    ]);
  });

  it("by FreeBSD's rc: SMTP, and what is started with the machine", async (t) => {
    if (!needs(t, 'tcpserver', 'tcpclient', 'setsid')) return;
    const host = new CutoverHost(t);
    const port = await freePort();
    const { ports } = await host.serve();
    host.passOn('qmail-smtpd', ports.smtp ?? 0);
    for (const [name, text] of Object.entries(freebsd(host.root))) host.script(`programs/${name}`, text);
    host.write(path.join(host.root, 'etc/rc.subr'), rcSubr(host.root));
    host.write(path.join(host.root, 'etc/rc.conf'), '');
    const script = 'usr/local/etc/rc.d/smtpd';
    host.script(
      script,
      `# . /etc/rc.subr
echo "smtpd $1" >> ${host.root}/orders
case $1 in
  start) setsid \\
    tcpserver -HRl0 127.0.0.1 ${port} ${host.root}/var/qmail/bin/qmail-smtpd </dev/null >/dev/null 2>&1 & echo $! > ${host.root}/smtpd.pid;;
  stop) [ ! -f ${host.root}/smtpd.pid ] || kill $(cat ${host.root}/smtpd.pid); rm -f ${host.root}/smtpd.pid;;
esac`,
    );
    const programs = path.join(host.root, 'programs');
    host.stopWith(async () => {
      await run([path.join(host.root, script), 'stop']);
      await run([path.join(programs, 'service'), 'vqmail_smtp', 'onestop']);
    });
    assert.equal((await run([path.join(host.root, script), 'start'])).status, 0);
    await waitForPort(port, () => 'smtpd');
    await movesAndReturns(host, {
      protocols: ['smtp'],
      beside: [`smtp=127.0.0.1:${ports.smtp}`],
      wrong: ['--no-such-option'],
      told: /^failed: nobody greets at smtp=/m,
      wait: 5,
      serves: (isOld) =>
        assert.deepEqual(
          ['smtpd', 'vqmail_smtp'].map((name) => existsSync(path.join(host.root, `${name}.pid`))),
          [isOld, !isOld],
        ),
      programs,
    });
    const orders = readFileSync(path.join(host.root, 'orders'), 'latin1').split('\n');
    assert.deepEqual(orders.slice(-9, -1), [
      'smtpd stop',
      'smtpd disable',
      'sysrc vqmail_smtp_enable=YES',
      'service vqmail_smtp start',
      'service vqmail_smtp onestop',
      'sysrc vqmail_smtp_enable=NO',
      'smtpd enable',
      'smtpd start',
    ]);
  });
});
