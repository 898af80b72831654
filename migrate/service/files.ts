// The service files for one host: how systemd, daemontools and FreeBSD's rc start and stop the server. What lies in the folders beside this file is what these functions
// give for the defaults.
//
// The server is started as root: it opens the ports, and gives its sessions and deliveries to other users itself. SIGTERM ends it in an orderly way.

import { type ListenAddress, parseListenAddress, sharesPortWithIpv4 } from '../../src/net/listener.js';

export const managers = ['systemd', 'daemontools', 'freebsd'] as const;
export type FilesFor = (typeof managers)[number];

export interface ServicePlan {
  /** What it is called, a name of the shell on FreeBSD; `vqmail` unless given. */
  readonly name?: string;
  /** The words that start the program, such as `/usr/local/bin/vqmail`. */
  readonly program: readonly string[];
  /** As of `serve --listen`. */
  readonly listen: readonly string[];
  /** Further words behind `serve`. */
  readonly options: readonly string[];
}

/** One file of a service. */
export interface ServiceFile {
  /** Within the folder of this manager. */
  readonly name: string;
  /** Where it belongs, an absolute path. */
  readonly place: string;
  readonly text: string;
  readonly mode: number;
}

export interface ServiceFiles {
  readonly files: readonly ServiceFile[];
  /** What to type when they are in place. */
  readonly commands: readonly string[];
}

export const defaultProgram = '/usr/local/bin/vqmail';
export const defaultListen = ['smtp=0.0.0.0:25', 'pop3=0.0.0.0:110'];

/** More than the 30 seconds that sessions may go on for after SIGTERM (`--drain-seconds`). */
const stopSeconds = 60;

/** The files of a manager. @throws PermanentError for a place to listen at that is none */
export function serviceFiles(manager: FilesFor, plan: ServicePlan): ServiceFiles {
  if (manager === 'systemd') return systemdFiles(plan);
  return manager === 'daemontools' ? daemontoolsFiles(plan) : freebsdFiles(plan);
}

/** A socket unit for each place, so that systemd holds the ports over restarts and connections wait meanwhile. */
function systemdFiles({ name: unitName = 'vqmail', program, listen, options }: ServicePlan): ServiceFiles {
  const names = new Set<string>();
  const all = listen.map(parseListenAddress);
  const sockets = all.map((address) => {
    let name = address.protocol;
    for (let number = 2; names.has(name); number++) name = `${address.protocol}-${number}`;
    names.add(name);
    return { name, unit: `${unitName}-${name}.socket`, protocol: address.protocol, lines: socketLines(address, all) };
  });
  const units = sockets.map(({ unit }) => unit).join(' ');
  const words = [
    ...program,
    'serve',
    ...sockets.flatMap(({ name, protocol }) => ['--listen', `${protocol}=systemd:${name}`]),
    ...options,
  ];
  const service = `[Unit]
Description=vqmail mail server
After=network.target
Requires=${units}
After=${units}

[Service]
Type=simple
ExecStart=${words.map(systemdWord).join(' ')}
ExecReload=/bin/kill -HUP $MAINPID
# The supervisor tells its processes to end; what is left of them after the time is killed.
KillMode=mixed
TimeoutStopSec=${stopSeconds}
Restart=on-failure
RestartSec=1
LimitNOFILE=65536
# NoNewPrivileges= is left out: programs of .qmail files may be set-user-id, as qmail-queue is.

[Install]
WantedBy=multi-user.target
`;
  const files = [
    systemdFile(`${unitName}.service`, service),
    ...sockets.map(({ name, unit, lines }) => systemdFile(unit, socketUnit(unitName, name, lines))),
  ];
  return { files, commands: ['systemctl daemon-reload', `systemctl enable --now ${units} ${unitName}.service`] };
}

function systemdFile(name: string, text: string): ServiceFile {
  return { name, place: `/etc/systemd/system/${name}`, text, mode: 0o644 };
}

function socketUnit(unitName: string, name: string, lines: readonly string[]): string {
  return `[Unit]
Description=${unitName} ${name}

[Socket]
${lines.join('\n')}
FileDescriptorName=${name}
Service=${unitName}.service
Backlog=4096

[Install]
WantedBy=sockets.target
`;
}

function socketLines(address: ListenAddress, all: readonly ListenAddress[]): string[] {
  const { at, access = {} } = address;
  if ('inherited' in at) return [`ListenStream=${at.inherited}`];
  if ('host' in at) {
    const host = at.host.includes(':') ? `[${at.host}]` : at.host;
    const family = sharesPortWithIpv4(address, all) ? 'ipv6-only' : 'both';
    return [
      `ListenStream=${host}:${at.port}`,
      ...(at.host.includes(':') ? [`BindIPv6Only=${family}`] : []),
      'NoDelay=true',
    ];
  }
  const { mode = 0o600, user, group } = access;
  return [
    `ListenStream=${at.path}`,
    `SocketMode=${mode.toString(8).padStart(4, '0')}`,
    ...(user === undefined ? [] : [`SocketUser=${user}`]),
    ...(group === undefined ? [] : [`SocketGroup=${group}`]),
  ];
}

function daemontoolsFiles({ name = 'vqmail', program, listen, options }: ServicePlan): ServiceFiles {
  const words = [...program, 'serve', ...listenOptions(listen), ...options];
  const run = `#!/bin/sh
exec 2>&1
exec ${words.map(shellWord).join(' ')}
`;
  const log = `#!/bin/sh
exec setuidgid qmaill multilog t s10000000 n20 /var/log/${name}
`;
  const directory = `/var/qmail/supervise/${name}`;
  return {
    files: [
      { name: 'run', place: `${directory}/run`, text: run, mode: 0o755 },
      { name: 'log/run', place: `${directory}/log/run`, text: log, mode: 0o755 },
    ],
    commands: [`mkdir -p /var/log/${name}`, `chown qmaill /var/log/${name}`, `ln -s ${directory} /service/${name}`],
  };
}

function freebsdFiles({ name = 'vqmail', program, listen, options }: ServicePlan): ServiceFiles {
  const words = ['serve', ...listenOptions(listen), ...options].map(shellWord).join(' ');
  const script = `#!/bin/sh
# PROVIDE: ${name} mail
# REQUIRE: LOGIN NETWORKING
# KEYWORD: shutdown
#
# In rc.conf: ${name}_enable="YES", and ${name}_args="serve ..." for other arguments than those below.

. /etc/rc.subr

name=${name}
rcvar=${name}_enable
load_rc_config $name
: \${${name}_enable:="NO"}
: \${${name}_args:="${words.replace(/[\\"$`]/g, '\\$&')}"}

pidfile=/var/run/${name}.pid
command=/usr/sbin/daemon
# daemon(8) writes the log to syslog and the pid of the server, which gets the signals.
command_args="-S -T ${name} -p $pidfile ${program
    .map(shellWord)
    .join(' ')
    .replace(/[\\"$`]/g, '\\$&')} $${name}_args"
procname=\${${name}_procname:-/usr/local/bin/node}
extra_commands=reload
sig_reload=HUP

run_rc_command "$1"
`;
  return {
    files: [{ name, place: `/usr/local/etc/rc.d/${name}`, text: script, mode: 0o755 }],
    commands: [`sysrc ${name}_enable=YES`, `service ${name} start`],
  };
}

function listenOptions(listen: readonly string[]): string[] {
  return listen.flatMap((text) => {
    parseListenAddress(text);
    return ['--listen', text];
  });
}

/** A word as sh reads it. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./[\]-]+$/.test(word) && !/^\[|[[\]]/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** A word of ExecStart= (systemd.service(5), Command lines): % and $ are doubled. */
function systemdWord(word: string): string {
  const plain = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[\w@%+=:,./$[\]-]+$/.test(plain) ? plain : `"${plain.replace(/[\\"]/g, '\\$&')}"`;
}
