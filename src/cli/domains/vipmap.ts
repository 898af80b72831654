// vipmap [-p] | -a IP DOMAIN | -d IP DOMAIN: prints, adds to, deletes from the map of local addresses to domains, as the original. Exit 0 whatever comes of it; 255 for usage.
//
// Ours beside it: `--json` prints a list of objects, `ip` and `domain`. A word with a blank or a control character in it, which would be several or break the
// file, is refused; trouble with the file is told, exit 111.

import { addIpAlias, readIpAliases, removeIpAlias } from '../../stores/ip-alias-map.js';
import { getopt } from '../getopt.js';
import { runTool, ToolFailure, type ToolIo } from '../tool-io.js';
import { ordinaryMode, takeLongOptions, versionLine } from '../users/account-tool.js';

const usage = `vipmap: usage: [options] ip domain
options: -d delete mapping
         -a add mapping
         -p print mapping
         -v show version
`;

/** The tool. @returns its exit code */
export async function vipmap(args: string[], io: ToolIo): Promise<number> {
  const { given, rest } = takeLongOptions(args, { json: false });
  const { options, operands } = getopt(rest, 'vpda', 'vipmap', io, true);
  for (const { letter } of options) if (letter === 'v') io.stdout(versionLine);
  const action = options.findLast(({ letter }) => 'pda'.includes(letter))?.letter ?? 'p';
  const [ip, domain] = operands;
  if (args.length > 0 && action === 'p') return runTool('vipmap: ', io, async () => print(given.has('json'), io));
  if (args.length === 0 || ip === undefined || domain === undefined) {
    io.stdout(usage);
    return 255;
  }
  return runTool('vipmap: ', io, () => change(action, ip, domain, io));
}

function print(asJson: boolean, io: ToolIo): number {
  const aliases = readIpAliases(io.layout);
  if (asJson) io.stdout(`${JSON.stringify(aliases, null, 2)}\n`);
  else for (const { ip, domain } of aliases) io.stdout(`${ip} ${domain}\n`);
  return 0;
}

async function change(action: string, ip: string, domain: string, io: ToolIo): Promise<number> {
  if (ip === '' || domain === '') return 0;
  if (/[\x00-\x20\x7f]/.test(ip + domain))
    throw new ToolFailure(111, 'a blank or control character in an address or domain');
  const act = action === 'a' ? addIpAlias : removeIpAlias;
  await act(io.layout, { ip, domain }, ordinaryMode(io));
  return 0;
}
