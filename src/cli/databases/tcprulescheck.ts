// tcprulescheck RULES.cdb: which rule a client meets. The client is in the environment: TCPREMOTEIP (0.0.0.0 when unset), TCPREMOTEINFO, TCPREMOTEHOST. Further
// arguments are ignored, as by the original. Exit 0; 100 for usage, 111 when the file cannot be read or is corrupt.

import { CorruptFileError, TemporaryError } from '../../errors.js';
import { withCdb } from '../../files/cdb/cdb-file.js';
import { cdbFind } from '../../formats/databases/cdb.js';
import { lookUpRule, type RuleClient } from '../../formats/databases/tcprules.js';
import { systemErrorText } from '../../mail/system-errors.js';
import { argumentPath, runTool, ToolFailure, type ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function tcprulescheck(args: string[], io: ToolIo): Promise<number> {
  const [database] = args;
  if (database === undefined) {
    io.stderr('tcprulescheck: usage: tcprulescheck rules.cdb\n');
    return 100;
  }
  return runTool('tcprulescheck: fatal: ', io, async () => {
    const client = { ip: io.env.TCPREMOTEIP ?? '0.0.0.0', info: io.env.TCPREMOTEINFO, host: io.env.TCPREMOTEHOST };
    io.stdout(verdict(database, client, io));
    return 0;
  });
}

function verdict(database: string, client: RuleClient, io: ToolIo): string {
  const found = lookUp(database, client, io);
  if (found === undefined) return 'default:\nallow connection\n';
  const { key, rule } = found;
  if (rule.deny) return `rule ${key}:\ndeny connection\n`;
  const settings = rule.settings.map((setting) => `set environment variable ${setting}\n`);
  return `rule ${key}:\n${settings.join('')}allow connection\n`;
}

function lookUp(database: string, client: RuleClient, io: ToolIo): ReturnType<typeof lookUpRule> {
  const path = argumentPath(database, io);
  const unable = (reason: string): ToolFailure => new ToolFailure(111, `unable to read ${database}: ${reason}`);
  try {
    const opened = withCdb(path, (source) => lookUpRule((key) => cdbFind(source, key, path), client));
    if (opened === undefined) throw unable(systemErrorText('ENOENT'));
    return opened.value;
  } catch (error) {
    if (error instanceof CorruptFileError) throw unable(systemErrorText('EPROTO'));
    if (error instanceof TemporaryError) throw unable(systemErrorText(error.cause));
    throw error;
  }
}
