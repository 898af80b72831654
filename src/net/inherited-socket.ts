// A listening socket that systemd has opened for this process (sd_listen_fds(3)): it exists before the daemon and survives its restarts, and connections wait in it meanwhile.
//
//   LISTEN_PID=<this process>  LISTEN_FDS=2  LISTEN_FDNAMES=auth:lmtp        descriptors 3 and 4 are the sockets `auth` and `lmtp`
//
// The names are the FileDescriptorName= of the socket units. node lets no child have these descriptors.

import { ConfigurationError } from '../errors.js';

const firstDescriptor = 3;

/**
 * The descriptor of a socket by its name.
 * @throws ConfigurationError when this process was given none of that name
 */
export function inheritedDescriptor(
  name: string,
  env: NodeJS.ProcessEnv = process.env,
  pid: number = process.pid,
): number {
  const names = Number(env.LISTEN_PID) === pid ? (env.LISTEN_FDNAMES ?? '').split(':') : [];
  const index = names.slice(0, Number(env.LISTEN_FDS) || 0).indexOf(name);
  if (index >= 0) return firstDescriptor + index;
  const given = names.length === 0 ? 'systemd has passed no socket' : `systemd has passed ${names.join(', ')}`;
  throw new ConfigurationError(
    `--listen ...=systemd:${name}`,
    undefined,
    `${given}; a socket unit with FileDescriptorName=${name} and Service= of this one is needed`,
  );
}
