// The report for a terminal: plain lines, nothing wider than it has to be.

import { areas, type Part } from '../host/part.js';
import type { Preflight, Problem } from './report.js';

export const supportWords = {
  served: 'served',
  stays: 'goes on',
  unneeded: 'not needed',
  missing: 'NOT YET',
  unknown: 'look yourself',
} as const;

const mostProblemsOfDomain = 10;

/** The whole report, ended by a line feed. */
export function preflightText(report: Preflight): string {
  const sections = [
    heading(report),
    ...areas.map((area) => partsText(area, report.parts)),
    servicesText(report),
    portsText(report),
    sizeText(report),
    problemsText(report),
    stepsText(report),
    unseenText(report),
  ];
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`.replace(/[^\n\x20-\x7e]/g, '?');
}

/** Bytes as people say them. */
export function bytesText(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(1)} ${units[power]}`;
}

export function placeText({ path, line }: { readonly path: string; readonly line?: number | undefined }): string {
  return line === undefined ? path : `${path}:${line}`;
}

function heading({ name, root, lookedAt }: Preflight): string {
  return `${name || 'a host without control/me'}${root === '/' ? '' : ` below ${root}`}, looked at ${lookedAt}. Nothing was changed.`;
}

function partsText(area: Part['area'], parts: readonly Part[]): string {
  const lines = parts
    .filter((part) => part.area === area)
    .map(
      (part) =>
        `  ${supportWords[part.support].padEnd(13)} ${part.name}: ${part.text}\n                ${placeText(part)}`,
    );
  return lines.length === 0 ? '' : `${area}\n${lines.join('\n')}`;
}

function servicesText({ services }: Preflight): string {
  const lines = services.map(
    (service) =>
      `  ${(service.protocol ?? '?').padEnd(13)} ${service.manager}: ${service.name}${service.port === undefined ? '' : `, port ${service.port}`} (${service.programs.join(' ')})\n                ${placeText(service)}`,
  );
  return lines.length === 0 ? '' : `how mail services are started\n${lines.join('\n')}`;
}

function portsText({ ports, root }: Preflight): string {
  const lines = ports.map(
    ({ address, port, protocol, pid, command }) =>
      `  ${`${address}:${port}`.padEnd(22)} ${(protocol ?? '').padEnd(11)} ${pid === undefined ? 'nobody that could be seen' : `${pid} ${command}`}`,
  );
  const title = root === '/' ? 'mail ports' : 'mail ports of this machine';
  return `${title}\n${lines.length === 0 ? '  none is held' : lines.join('\n')}`;
}

function sizeText({ size: { domains, total } }: Preflight): string {
  const hashes =
    Object.entries(total.hashes)
      .map(([scheme, count]) => `${count} ${scheme}`)
      .join(', ') || 'none';
  const lines = [
    `  ${domains.length} domains, ${domains.reduce((sum, { aliasDomains }) => sum + aliasDomains.length, 0)} alias domains, ${total.accounts} accounts, ${total.aliases} aliases`,
    `  ${total.maildirs} Maildirs with ${total.folders} folders, ${total.messages} messages, ${bytesText(total.bytes)}`,
    `  passwords: ${hashes}; ${total.clearPasswords} in clear too`,
    ...domains.map(
      ({ name, accounts, messages, bytes }) =>
        `  ${name}: ${accounts} accounts, ${messages} messages, ${bytesText(bytes)}`,
    ),
  ];
  return `size\n${lines.join('\n')}`;
}

function problemsText({ problems, problemsLeftOut }: Preflight): string {
  const byDomain = grouped(problems);
  const groups = [...byDomain].map(([domain, found]) => {
    const shown = found
      .slice(0, mostProblemsOfDomain)
      .map(
        (problem) => `    ${placeText(problem)}: ${problem.severity === 'warning' ? 'warning: ' : ''}${problem.text}`,
      );
    const more = found.length - shown.length;
    return [
      `  ${domain}: ${found.length}`,
      ...shown,
      ...(more > 0 ? [`    and ${more} more: see vqmail check`] : []),
    ].join('\n');
  });
  const left = problemsLeftOut > 0 ? [`  and ${problemsLeftOut} more that were only counted`] : [];
  return `broken today\n${groups.length === 0 ? '  nothing' : [...groups, ...left].join('\n')}`;
}

/** Problems by domain; those of the host under `the host`. */
export function grouped(problems: readonly Problem[]): Map<string, Problem[]> {
  const groups = new Map<string, Problem[]>();
  for (const problem of problems) {
    const name = problem.domain ?? 'the host';
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [problem]);
    else group.push(problem);
  }
  return groups;
}

function stepsText({ steps }: Preflight): string {
  const lines = steps.map(({ title, commands, note }, index) =>
    [`  ${index + 1}. ${title}. ${note}`, ...commands.map((command) => `       ${command}`)].join('\n'),
  );
  return `recommended order\n${lines.join('\n')}`;
}

function unseenText({ unseen }: Preflight): string {
  return unseen.length === 0 ? '' : `not seen\n${unseen.map((line) => `  ${line}`).join('\n')}`;
}
