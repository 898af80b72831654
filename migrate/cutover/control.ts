// How a service is stopped and started for good, by each manager: so that it is not started again when the machine is.

import fs from 'node:fs';
import path from 'node:path';
import { SystemAccounts } from '../../src/files/accounts.js';
import { bytesPath } from '../../src/files/read.js';
import type { Layout } from '../../src/layout.js';
import type { Manager, Service } from '../host/services.js';
import { type FilesFor, type ServicePlan, serviceFiles } from '../service/files.js';
import type { Act } from './acts.js';

export interface Control {
  readonly stop: readonly Act[];
  readonly start: readonly Act[];
}

/** undefined for what is started by hand or by a script of its own: nothing tells how to start it again. */
export function controlOf({ manager, name, path: script }: Service, layout: Layout): Control | undefined {
  switch (manager) {
    case 'daemontools':
      return supervised(layout.disk(name), ['svc', '-d'], ['svc', '-u']);
    case 'runit':
      return supervised(layout.disk(name), ['sv', 'down'], ['sv', 'up']);
    case 'systemd':
      return {
        stop: [{ run: ['systemctl', 'disable', '--now', name] }],
        start: [{ run: ['systemctl', 'enable', '--now', name] }],
      };
    case 'rc':
      return scripted(layout.disk(script));
    case 'script':
      return undefined;
  }
}

/** FreeBSD's scripts are taken out of what is started with the machine too (rc.subr(8)). */
function scripted(script: string): Control {
  const [stop, start] = [{ run: [script, 'stop'] }, { run: [script, 'start'] }];
  if (!fs.readFileSync(bytesPath(script), 'latin1').includes('/etc/rc.subr')) return { stop: [stop], start: [start] };
  return { stop: [stop, { run: [script, 'disable'] }], start: [{ run: [script, 'enable'] }, start] };
}

function supervised(directory: string, down: readonly string[], up: readonly string[]): Control {
  const file = path.join(directory, 'down');
  return {
    stop: [{ touch: file }, { run: [...down, directory] }],
    start: [{ remove: file }, { run: [...up, directory] }],
  };
}

/** A service of ours: what is written before it can be started, and how it is started and stopped. */
export interface OwnControl extends Control {
  readonly prepare: readonly Act[];
}

/** For which manager our files are, by the one that the old service has; undefined: none of ours. */
export function filesFor(manager: Manager, script: string): FilesFor | undefined {
  if (manager === 'systemd') return 'systemd';
  if (manager === 'daemontools' || manager === 'runit') return 'daemontools';
  return script.startsWith('/usr/local/etc/rc.d/') ? 'freebsd' : undefined;
}

/** @param old the service whose place it takes @throws PermanentError for a place to listen at that is none */
export function ownControl(
  manager: FilesFor,
  plan: ServicePlan & { readonly name: string },
  layout: Layout,
  old: Pick<Service, 'manager' | 'name'>,
): OwnControl {
  const { files } = serviceFiles(manager, plan);
  const written = files.map(({ place, text, mode }): Act => ({ write: layout.disk(place), text, mode }));
  if (manager === 'systemd')
    return systemdControl(
      files.map(({ name }) => name),
      written,
    );
  if (manager === 'freebsd') {
    const script = files[0]?.name ?? '';
    return {
      prepare: written,
      start: [{ run: ['sysrc', `${script}_enable=YES`] }, { run: ['service', script, 'start'] }],
      stop: [{ run: ['service', script, 'onestop'] }, { run: ['sysrc', `${script}_enable=NO`] }],
    };
  }
  return daemontoolsControl(plan.name, written, layout, old);
}

function systemdControl(names: readonly string[], written: readonly Act[]): OwnControl {
  const units = [
    ...names.filter((name) => name.endsWith('.socket')),
    ...names.filter((name) => name.endsWith('.service')),
  ];
  return {
    prepare: [...written, { run: ['systemctl', 'daemon-reload'] }],
    start: [{ run: ['systemctl', 'enable', '--now', ...units] }],
    stop: [{ run: ['systemctl', 'disable', '--now', ...units] }],
  };
}

/** Where svscan looks; it sees a new service within five seconds. */
const scanned = ['/service', '/etc/service', '/var/service', '/etc/runit/runsvdir/default'];

function daemontoolsControl(
  name: string,
  written: readonly Act[],
  layout: Layout,
  old: Pick<Service, 'manager' | 'name'>,
): OwnControl {
  const directory = layout.disk(`/var/qmail/supervise/${name}`);
  const isRunit = old.manager === 'runit';
  // Where the old one is looked for, ours is seen too.
  const beside = scanned.filter((each) => each === path.dirname(old.name));
  const parent = [...beside, ...scanned]
    .map((each) => layout.disk(each))
    .find((each) => fs.existsSync(bytesPath(each)));
  const { stop, start } = isRunit
    ? supervised(directory, ['sv', 'down'], ['sv', 'up'])
    : supervised(directory, ['svc', '-d'], ['svc', '-u']);
  const logs = isRunit ? undefined : logDirectory(name, layout);
  return {
    prepare: [
      ...written.filter((act) => logs !== undefined || !('write' in act && act.write.endsWith('/log/run'))),
      ...(logs ?? []),
      // It is seen with its `down` file, so that it waits for its order.
      ...stop.slice(0, 1),
      { link: path.join(parent ?? layout.disk('/service'), name), to: directory },
      // Before the old one is stopped: nobody is served meanwhile.
      { awaited: path.join(directory, 'supervise/ok') },
    ],
    start,
    stop,
  };
}

/** Makes where multilog writes; undefined where there is no user for it, and the log goes where svscan's does. */
function logDirectory(name: string, layout: Layout): Act[] | undefined {
  if (new SystemAccounts(layout).user('qmaill') === undefined) return undefined;
  const directory = layout.disk(`/var/log/${name}`);
  return [{ run: ['mkdir', '-p', directory] }, { run: ['chown', 'qmaill', directory] }];
}
