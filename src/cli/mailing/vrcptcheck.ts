// vrcptcheck: does this recipient exist? The address is on descriptor 3, as s/qmail's control/recipients hands it to a checking program (formats/vpopmail.md 9.4, vpopmail 5.6).
// Exit 0 yes, 1 no, 111 it cannot be told.
//
// Mail for an address that exists would be delivered, by the same decisions as at RCPT: accounts in sub-directories, aliases, lists, extensions and catch-alls count, where
// the original looks for a directory of the name. A look-up that fails is 111.

import { Resolver } from '../../delivery/resolution/resolve.js';
import { describe, errnoOf } from '../../errors.js';
import { silentLog } from '../../log.js';
import { splitAddress } from '../../mail/address.js';
import { openHost } from '../../stores/host.js';
import { runTool, ToolFailure, type ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function vrcptcheck(_args: string[], io: ToolIo): Promise<number> {
  return runTool('vrcptcheck: ', io, async () => {
    const address = await readAddress(io);
    const host = openHost(io.layout, silentLog);
    const { domain = '' } = splitAddress(address);
    if (domain === '' || host.domain(domain) === undefined) return 1;
    const { outcome } = new Resolver(host).resolve(address);
    if (outcome.kind === 'defer') throw new ToolFailure(111, outcome.cause ?? outcome.text);
    if (outcome.kind === 'queue') return outcome.reason === 'remote' ? 1 : 0;
    return outcome.kind === 'refuse' ? 1 : 0;
  });
}

async function readAddress(io: ToolIo): Promise<string> {
  try {
    const bytes = await io.readDescriptor(3);
    return bytes.toString('latin1').replace(/[\0\r\n].*$/s, '');
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    throw new ToolFailure(111, `unable to read the address from descriptor 3: ${describe(error)}`);
  }
}
