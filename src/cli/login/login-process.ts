// What vchkpw does to its own process once somebody may come in: it becomes the account's owner, goes into the account's directory, and is replaced by the program.

import { errnoOf } from '../../errors.js';
import { initialEnvironment, type Program, replaceProcess } from '../../files/replace-process.js';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** This process, or one that a test makes up. */
export interface LoginProcess {
  /** The environment as it was given, byte for byte. */
  readonly environment: Readonly<Record<string, string>>;
  /** Effective. */
  readonly uid: number;
  /** Takes gid, then uid, and gives up every other group. @returns what was refused */
  become(owner: Owner): 'setgid' | 'setuid' | undefined;
  /** @param directory a Latin-1 path @returns the errno name of what is in the way */
  enter(directory: string): string | undefined;
  /** Returns only when it could not be done, or was done as a child. */
  replace(program: Program): Promise<{ failed: string } | { exitStatus: number }>;
}

/** @param env the environment as the tool has it, where the system does not show the one that the process was started with */
export function thisProcess(env: Readonly<Record<string, string | undefined>>): LoginProcess {
  const given = Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  return {
    environment: initialEnvironment() ?? Object.fromEntries(given),
    uid: process.geteuid?.() ?? 0,
    become({ uid, gid }) {
      try {
        if (process.geteuid?.() === 0) process.setgroups?.([gid]);
        process.setgid?.(gid);
      } catch {
        return 'setgid';
      }
      try {
        process.setuid?.(uid);
      } catch {
        return 'setuid';
      }
      return undefined;
    },
    enter(directory) {
      try {
        process.chdir(Buffer.from(directory, 'latin1').toString());
        return undefined;
      } catch (error) {
        return errnoOf(error) ?? 'EINVAL';
      }
    },
    replace: replaceProcess,
  };
}
