// `vqmail check`: every problem of the install, one a line on standard output.
//
//   PATH:LINE: what is wrong and what to do
//   PATH:LINE: warning: what may be wrong
//
// Exit 1 if any problem loses, refuses or misroutes mail or opens a relay, 0 otherwise (warnings alone, or nothing), 100 for wrong usage. Paths are those that the host itself
// uses, without --root. Nothing is changed.

import { Command } from 'commander';
import type { Layout } from '../layout.js';
import { type Finding, findings } from '../stores/findings/findings.js';
import { openHost } from '../stores/host.js';
import { parseCommandLine } from './command-line.js';
import type { ToolIo } from './tool-io.js';

const linesBetweenFlushes = 1000;

/** Checks the host of `io.layout`. @throws PermanentError for arguments */
export async function check(args: readonly string[], io: ToolIo): Promise<number> {
  const command = new Command('vqmail check').description(
    'Tells every problem of the install, one a line, with what to do. Changes nothing. Exit 1 when one of them loses or refuses mail.',
  );
  if (parseCommandLine(command, args, io) === undefined) return 0;
  let failed = false;
  let lines = 0;
  for (const finding of findings(openHost(io.layout))) {
    failed ||= finding.severity === 'error';
    io.stdout(`${findingLine(finding, io.layout)}\n`);
    if (++lines % linesBetweenFlushes === 0) await io.flushed();
  }
  return failed ? 1 : 0;
}

/** A finding as one line, with the host path; control characters in it are shown as `?`. */
export function findingLine({ path, line, severity, text }: Finding, layout: Layout): string {
  const place = line === undefined ? layout.host(path) : `${layout.host(path)}:${line}`;
  return `${place}: ${severity === 'warning' ? 'warning: ' : ''}${text}`.replace(/[\x00-\x1f\x7f]/g, '?');
}
