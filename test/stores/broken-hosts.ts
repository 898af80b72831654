// A sound host tree as the original tools left it (the recorded guide session), and a hundred ways to break it. Each row says which lines `vqmail check`
// must print then: all of them, and no others.

import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { moreRcptHostsKeys } from '../../src/formats/controls/rcpthosts.js';
import { assignRecords, parseAssign } from '../../src/formats/controls/users-assign.js';
import { makeCdb } from '../../src/formats/databases/cdb.js';
import { compileRules } from '../../src/formats/databases/tcprules.js';
import { parseVpasswd, vpasswdCdbRecords } from '../../src/formats/vpopmail/vpasswd.js';
import { buildTree, loadRecording, newRoot } from '../support/recording.js';

export const control = '/var/qmail/control';
export const assign = '/var/qmail/users/assign';
export const usersCdb = '/var/qmail/users/cdb';
export const domain = '/home/vpopmail/domains/mailtest.example.jp';
export const vpasswd = `${domain}/vpasswd`;

/** Acts on a host tree; every path is a host path. */
export class BrokenHost {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  disk(file: string): string {
    return path.join(this.root, file);
  }

  read(file: string): Buffer {
    return readFileSync(this.disk(file));
  }

  /** Writes a file in place (owner and mode stay), or makes it. */
  write(file: string, content: string | Buffer, mode = 0o644): void {
    mkdirSync(path.dirname(this.disk(file)), { recursive: true });
    writeFileSync(this.disk(file), content, { encoding: 'latin1', mode });
  }

  append(file: string, text: string): void {
    appendFileSync(this.disk(file), text, 'latin1');
  }

  replace(file: string, from: string | RegExp, to: string): void {
    this.write(file, this.read(file).toString('latin1').replace(from, to));
  }

  remove(file: string): void {
    rmSync(this.disk(file), { recursive: true });
  }

  chmod(file: string, mode: number): void {
    chmodSync(this.disk(file), mode);
  }

  chown(file: string, uid: number, gid = uid): void {
    chownSync(this.disk(file), uid, gid);
  }

  link(target: string, file: string): void {
    symlinkSync(target, this.disk(file));
  }

  /** Copies a directory with all that is in it, owners and modes too. */
  copy(from: string, to: string): void {
    execFileSync('cp', ['-a', this.disk(from), this.disk(to)]);
  }

  directory(file: string): void {
    mkdirSync(this.disk(file), { recursive: true });
  }

  /** Sets a file's mtime to so many seconds after another's. */
  newerThan(file: string, other: string, seconds = 60): void {
    const time = statSync(this.disk(other)).mtimeMs / 1000 + seconds;
    utimesSync(this.disk(file), time, time);
  }

  /** What the original tools do after a change of the text. */
  newu(): void {
    this.write(usersCdb, makeCdb(assignRecords(parseAssign(this.read(assign)))));
  }
  newmrh(): void {
    const keys = moreRcptHostsKeys(this.read(`${control}/morercpthosts`));
    this.write(`${control}/morercpthosts.cdb`, makeCdb(keys.map((key) => ({ key, data: '' }))));
  }
  vmkpasswd(): void {
    this.write(`${vpasswd}.cdb`, makeCdb(vpasswdCdbRecords(parseVpasswd(this.read(vpasswd)))));
  }
  tcprules(): void {
    this.write('/etc/tcp/smtp.cdb', makeCdb(compileRules(this.read('/etc/tcp/smtp'), 'smtp')));
  }

  /** A domain as vadddomain and vaddaliasdomain leave it, in the lists; its directory is that of mailtest.example.jp. */
  addDomain(name: string): void {
    const line = `+${name}-:mailtest.example.jp:6020:6020:${domain}:-::\n`;
    this.replace(assign, /^/, line);
    this.newu();
    this.append(`${control}/rcpthosts`, `${name}\n`);
    this.append(`${control}/virtualdomains`, `${name}:${name}\n`);
  }
}

/** A fresh sound host; remove its root afterwards. */
export function soundHost(): BrokenHost {
  const host = new BrokenHost(newRoot());
  buildTree(loadRecording('smtp', 'guide-session').before, host.root);
  const users = ['root:x:0:0::/root:/bin/sh', 'alias:x:6001:6000::/var/qmail/alias:/bin/false'];
  users.push('vpopmail:x:6020:6020::/home/vpopmail:/bin/sh', 'hoster:x:7001:7001::/home/hoster:/bin/sh');
  host.write('/etc/passwd', `${users.join('\n')}\n`);
  host.write('/etc/group', 'root:x:0:\nvchkpw:x:6020:\nqmail:x:6010:\nhoster:x:7001:\n');
  return host;
}
