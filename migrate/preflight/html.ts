// The report as one page that needs nothing else: no script, no font, no picture from elsewhere; charts are SVG within it, and it can be printed. Every text is escaped.

import { areas } from '../host/part.js';
import type { Preflight } from './report.js';
import { bytesText, grouped, placeText, supportWords } from './text.js';

const style = `body{font:14px/1.45 system-ui,sans-serif;color:#1a1a1a;max-width:62em;margin:2em auto;padding:0 1em}
h1{font-size:1.6em;margin-bottom:.1em}h2{font-size:1.15em;margin-top:2em;border-bottom:1px solid #999}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.25em .6em;border-bottom:1px solid #ddd}th{border-bottom:1px solid #666}
td.n,th.n{text-align:right;white-space:nowrap}code{font:12px/1.4 ui-monospace,monospace;overflow-wrap:anywhere}
.missing,.error{font-weight:bold;color:#a40000}.served{color:#1b5e20}.quiet{color:#555}
svg text{font:12px system-ui,sans-serif}@media print{body{margin:0;max-width:none}h2{break-after:avoid}tr{break-inside:avoid}}`;

/** A text as it stands in a page. */
export function escaped(text: string): string {
  return text
    .replace(/[\x00-\x08\x0b-\x1f\x7f]/g, '?')
    .replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** The whole page. */
export function preflightPage(report: Preflight): string {
  const { size, steps, unseen } = report;
  const title = `Mail host ${report.name || report.root}`;
  const missing = report.parts.filter(({ support }) => support === 'missing').length;
  const errors = report.problems.filter(({ severity }) => severity === 'error').length;
  const sections = [
    `<h1>${escaped(title)}</h1>`,
    `<p class="quiet">Looked at ${escaped(report.lookedAt)}${report.root === '/' ? '' : ` below <code>${escaped(report.root)}</code>`} by vqmail migrate preflight. Nothing was changed.</p>`,
    `<p>${size.domains.length} domains, ${size.total.accounts} accounts, ${size.total.messages} messages, ${bytesText(size.total.bytes)}. ${errors} problems lose or refuse mail today. ${missing} things that are in use are not in vqmail yet.</p>`,
    heading(
      'Recommended order',
      `<ol>${steps.map((step) => `<li><b>${escaped(step.title)}.</b> ${escaped(step.note)}${step.commands.map((command) => `<br><code>${escaped(command)}</code>`).join('')}</li>`).join('')}</ol>`,
    ),
    heading(
      'Largest domains',
      bars(size.domains.map(({ name, bytes }) => ({ name, value: bytes, text: bytesText(bytes) }))),
    ),
    heading(
      'How passwords are kept',
      bars(
        [
          ...Object.entries(size.total.hashes),
          ...(size.total.clearPasswords > 0 ? [['in clear too', size.total.clearPasswords] as const] : []),
        ].map(([name, value]) => ({ name, value, text: String(value) })),
      ),
    ),
    ...areas.map((area) => heading(`What is here: ${area}`, partsTable(report, area))),
    heading(
      'How mail services are started',
      table(
        ['Serves', 'By', 'Programs', 'File'],
        report.services.map((service) => [
          escaped(service.protocol ?? '?'),
          escaped(`${service.manager} ${service.name}${service.port === undefined ? '' : `, port ${service.port}`}`),
          escaped(service.programs.join(' ')),
          code(placeText(service)),
        ]),
      ),
    ),
    heading(
      'Mail ports',
      table(
        ['Address', 'Customary for', 'Held by'],
        report.ports.map(({ address, port, protocol, pid, command }) => [
          code(`${address}:${port}`),
          escaped(protocol ?? ''),
          pid === undefined ? 'nobody that could be seen' : code(`${pid} ${command}`),
        ]),
      ),
    ),
    heading('Domains', domainsTable(report)),
    heading('Broken today', problemsTables(report)),
    heading(
      'Not seen',
      unseen.length === 0 ? '' : `<ul>${unseen.map((line) => `<li>${escaped(line)}</li>`).join('')}</ul>`,
    ),
  ];
  return `<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title><style>${style}</style></head>\n<body>\n${sections.filter((section) => section !== '').join('\n')}\n</body></html>\n`;
}

function heading(title: string, body: string): string {
  return body === '' ? '' : `<h2>${escaped(title)}</h2>\n${body}`;
}

function code(text: string): string {
  return `<code>${escaped(text)}</code>`;
}

/** @param rows cells as HTML; '' when there are none */
function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const head = titles.map((title) => `<th>${escaped(title)}</th>`).join('');
  return `<table><tr>${head}</tr>\n${rows.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`).join('\n')}</table>`;
}

function partsTable({ parts }: Preflight, area: string): string {
  const rows = parts
    .filter((part) => part.area === area)
    .map((part) => [
      `<span class="${part.support}">${supportWords[part.support]}</span>`,
      escaped(part.name),
      escaped(part.text),
      code(placeText(part)),
    ]);
  return table(['vqmail', 'What', 'How', 'Seen in'], rows);
}

function domainsTable({ size: { domains } }: Preflight): string {
  const rows = domains.map((domain) => [
    escaped([domain.name, ...domain.aliasDomains.map((name) => `= ${name}`)].join(' ')),
    ...[domain.accounts, domain.aliases, domain.messages].map(String),
    bytesText(domain.bytes),
    String(domain.clearPasswords),
  ]);
  return table(['Domain', 'Accounts', 'Aliases', 'Messages', 'Size', 'Clear passwords'], rows);
}

function problemsTables(report: Preflight): string {
  const tables = [...grouped(report.problems)].map(([domain, problems]) => {
    const rows = problems.map((problem) => [
      `<span class="${problem.severity}">${problem.severity}</span>`,
      code(placeText(problem)),
      escaped(problem.text),
    ]);
    return `<h3>${escaped(domain)}</h3>\n${table(['', 'Where', 'What is wrong and what to do'], rows)}`;
  });
  const left =
    report.problemsLeftOut > 0 ? `<p>${report.problemsLeftOut} more were only counted: see vqmail check.</p>` : '';
  return tables.length === 0 ? '<p>Nothing.</p>' : `${tables.join('\n')}${left}`;
}

interface Bar {
  readonly name: string;
  readonly value: number;
  readonly text: string;
}

const mostBars = 15;
const rowHeight = 22;

/** Horizontal bars, the longest first; of many the first. */
function bars(all: readonly Bar[]): string {
  const shown = [...all].sort((a, b) => b.value - a.value).slice(0, mostBars);
  const largest = shown[0]?.value ?? 0;
  if (largest === 0) return '';
  const rows = shown.map(({ name, value, text }, index) => {
    const y = index * rowHeight;
    const width = Math.max(1, Math.round((value / largest) * 380));
    return `<text x="215" y="${y + 15}" text-anchor="end">${escaped(name.length > 34 ? `${name.slice(0, 31)}...` : name)}</text><rect x="222" y="${y + 4}" width="${width}" height="14" fill="#4a6fa5"/><text x="${228 + width}" y="${y + 15}">${escaped(text)}</text>`;
  });
  return `<svg role="img" viewBox="0 0 720 ${shown.length * rowHeight}" width="100%" style="max-width:720px">${rows.join('')}</svg>`;
}
