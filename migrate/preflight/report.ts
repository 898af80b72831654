// Everything that preflight knows of a host, as plain data: what --json prints, and what the text and the page are made of.

import { describe } from '../../src/errors.js';
import type { Layout } from '../../src/layout.js';
import { findings } from '../../src/stores/findings/findings.js';
import { openHost } from '../../src/stores/host.js';
import { filterParts } from '../host/filters.js';
import { frontEndParts } from '../host/front-ends.js';
import { Looker, type Part } from '../host/part.js';
import { type HeldPort, heldPorts } from '../host/ports.js';
import { qmailParts } from '../host/qmail.js';
import { mailServices, type Service } from '../host/services.js';
import { type HostSize, hostSize } from '../host/size.js';
import { vpopmailParts } from '../host/vpopmail.js';
import { recommendedSteps, type Step } from './steps.js';

export interface Problem {
  /** The domain in whose directory it is; undefined for what is about the host. */
  readonly domain: string | undefined;
  /** A host path. */
  readonly path: string;
  readonly line: number | undefined;
  readonly severity: 'error' | 'warning';
  readonly text: string;
}

export interface Preflight {
  /** control/me; empty when there is none. */
  readonly name: string;
  readonly root: string;
  readonly lookedAt: string;
  readonly parts: readonly Part[];
  readonly services: readonly Service[];
  readonly ports: readonly HeldPort[];
  readonly size: HostSize;
  readonly problems: readonly Problem[];
  /** Problems that were counted only, since there were too many. */
  readonly problemsLeftOut: number;
  readonly steps: readonly Step[];
  /** What could not be looked at. */
  readonly unseen: readonly string[];
}

/** More problems than this are counted only: a report is to be read. */
const mostProblems = 5000;

/**
 * Looks at the whole host. Nothing is written.
 * @param proc where proc(5) is
 */
export async function lookAtHost(
  layout: Layout,
  options: { readonly now: Date; readonly proc?: string; readonly progress?: (done: number, of: number) => void },
): Promise<Preflight> {
  const looker = new Looker(layout);
  const size = await hostSize(looker, options.progress);
  const services = mailServices(looker);
  const parts = [
    ...qmailParts(looker),
    ...vpopmailParts(looker, size),
    ...frontEndParts(looker),
    ...filterParts(looker),
  ];
  const ports = heldPorts(looker, options.proc);
  const { problems, leftOut } = problemsOf(looker, size);
  if (process.geteuid?.() !== 0)
    looker.note('owners', 'only root can judge owners and read what is not for others: run it once more as root');
  const name = openHost(layout).control.me() ?? '';
  const known = {
    name,
    root: layout.root,
    lookedAt: options.now.toISOString(),
    parts,
    services,
    ports,
    size,
    problems,
    problemsLeftOut: leftOut,
    unseen: looker.unseen,
  };
  return { ...known, steps: recommendedSteps(known) };
}

function problemsOf(looker: Looker, size: HostSize): { problems: Problem[]; leftOut: number } {
  const { layout } = looker;
  const problems: Problem[] = [];
  let leftOut = 0;
  try {
    for (const { path, line, severity, text } of findings(openHost(layout))) {
      const hostPath = layout.host(path);
      const domain = size.domains.find(
        ({ directory }) => hostPath === directory || hostPath.startsWith(`${directory}/`),
      )?.name;
      if (problems.length < mostProblems) problems.push({ domain, path: hostPath, line, severity, text });
      else leftOut++;
    }
  } catch (error) {
    looker.note('check', `ended before everything was looked at: ${describe(error)}`);
  }
  return { problems, leftOut };
}
