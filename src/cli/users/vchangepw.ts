// vchangepw: asks for an address, its password, and twice for a new one, and sets it; as the original. Exit 0; 3 when the password was wrong; else vpopmail's code.

import { setPassword } from '../../admin/users/set-password.js';
import { PasswordChecker } from '../../auth/password.js';
import type { Host } from '../../stores/host.js';
import type { ToolIo } from '../tool-io.js';
import { type AccountName, askNewPassword, ordinaryMode, parseAddress, runAccountTool } from './account-tool.js';

const longestAddress = 155;

/** The tool. @returns its exit code */
export async function vchangepw(_args: string[], io: ToolIo): Promise<number> {
  io.stdout('Please enter the email address: ');
  const line = await io.readLineWithEnd();
  if (line === undefined) {
    io.stdout('\n\n');
    return 0;
  }
  if (!line.endsWith('\n') || line.length > longestAddress) {
    io.stdout('\nError: email address too long\n');
    return 3;
  }
  io.stdout(line);
  return runAccountTool('vchangepw', io, (host) => change(host, line.slice(0, -1), io));
}

async function change(host: Host, address: string, io: ToolIo): Promise<number> {
  const account = parseAddress(address, host, io);
  const old = await io.askSecret('Enter old password: ');
  if (!(await isRight(host, account, old))) {
    io.stdout('Error: authentication failed!\n');
    return 3;
  }
  const password = await askNewPassword(address, io);
  await setPassword(host, { ...account, password }, { mode: ordinaryMode(io) });
  io.stdout('Password successfully changed.\n');
  return 0;
}

async function isRight(host: Host, { name, domain }: AccountName, password: string): Promise<boolean> {
  const account = domain === '' ? undefined : host.domain(domain)?.account(name);
  const passwords = new PasswordChecker();
  if (account === undefined || account.passwd === '') return passwords.pretend(password, domain);
  return passwords.verify(password, account.passwd, domain);
}
