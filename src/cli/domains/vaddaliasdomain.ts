// vaddaliasdomain REAL ALIAS: adds an alias domain, as the original; the two may be swapped, whichever exists is the real one. Exit 0; 255 for usage and for names of which
// not exactly one exists; else vpopmail's code.

import { addAliasDomain } from '../../admin/domains/add-alias-domain.js';
import { settleAll } from '../../admin/domains/unfinished.js';
import { lower } from '../../mail/address.js';
import type { Host } from '../../stores/host.js';
import { getopt } from '../getopt.js';
import type { ToolIo } from '../tool-io.js';
import { runAccountTool, versionLine } from '../users/account-tool.js';

const usage = `vaddaliasdomain: usage: [options] real_domain alias_domain
options: -v (print version number)
note: for backward compatability, you can swap real_domain and alias_domain.
`;

/** The tool. @returns its exit code */
export async function vaddaliasdomain(args: string[], io: ToolIo): Promise<number> {
  const { options, operands } = getopt(args, 'v', 'vaddaliasdomain', io, true);
  for (const { letter } of options) if (letter === 'v') io.stdout(versionLine);
  const [first = '', second = ''] = operands;
  if (first === '' || second === '' || first === second) {
    if (first !== '' && second !== '') io.stdout('Error: real domain and alias domain are the same!\n');
    io.stdout(usage);
    return 255;
  }
  return runAccountTool('vaddaliasdomain', io, (host) => add(first, second, host, io));
}

async function add(first: string, second: string, host: Host, io: ToolIo): Promise<number> {
  const report = (line: string): void => io.stderr(`${line}\n`);
  await settleAll(host, report);
  const isFirst = host.users.domain(first) !== undefined;
  const isSecond = host.users.domain(second) !== undefined;
  if (isFirst && isSecond) {
    io.stdout('Error: Both domains already exist, unable to create alias.\n');
    return 255;
  }
  if (!isFirst && !isSecond) {
    const names = `'${lower(first)}' or '${lower(second)}'`;
    io.stdout(`Error: Neither ${names}  exist, unable to create alias.\n`);
    return 255;
  }
  if (isFirst) await addAliasDomain(host, second, first, report);
  else await addAliasDomain(host, first, second, report);
  return 0;
}
