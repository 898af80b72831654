// In which order this host is best moved, with the commands for it: what is broken first, then beside, then one protocol at a time, the queue last.

import { family } from '../cutover/plan.js';
import type { Preflight } from './report.js';

export interface Step {
  readonly title: string;
  readonly commands: readonly string[];
  readonly note: string;
}

type Known = Omit<Preflight, 'steps'>;

/** Where each protocol is tried beside the old server. */
const besidePorts: Readonly<Record<string, number>> = {
  smtp: 10025,
  submission: 10587,
  smtps: 10465,
  pop3: 10110,
  pop3s: 10995,
  imap: 10143,
  imaps: 10993,
};
/** Reading first, since nothing is lost if it fails; the queue comes last. */
const order = ['pop3', 'imap', 'submission', 'smtp'] as const;

/** The steps for what is known of a host. */
export function recommendedSteps(known: Known): Step[] {
  const errors = known.problems.filter(({ severity }) => severity === 'error').length;
  const moved = order.filter((protocol) => family[protocol].some((each) => isServedHere(known, each)));
  const protocols = moved.flatMap((protocol) => family[protocol].filter((each) => isServedHere(known, each)));
  const options = serveOptions(known);
  const root = known.root === '/' ? '' : ` --root ${known.root}`;
  const steps: Step[] = [
    {
      title: 'Mend what is broken',
      commands: [`vqmail check${root}`],
      note:
        errors === 0
          ? 'Nothing that loses or refuses mail was found.'
          : `${errors} problems lose or refuse mail today, whoever serves; each line says what to do.`,
    },
    {
      title: 'Serve beside the old servers',
      commands: [
        `vqmail serve${root}${options}${queueOption(known)} ${protocols.map((protocol) => `--listen ${protocol}=127.0.0.1:${besidePorts[protocol]}`).join(' ')}`,
      ],
      note: 'On ports of its own; nothing of the old servers changes. Ctrl-C ends it.',
    },
    {
      title: 'Try it',
      commands: [
        `vqmail route ${sampleAddress(known)}${root}`,
        ...(protocols.includes('pop3') ? ['curl --user USER@DOMAIN pop3://127.0.0.1:10110/'] : []),
      ],
      note: 'Where a mail would go and why; and what a mail program would see.',
    },
  ];
  for (const protocol of moved) {
    const compared = family[protocol].find((each) => protocols.includes(each)) ?? protocol;
    steps.push({
      title: `Move ${protocol}`,
      commands: cutoverCommands(
        `${protocol}${root}`,
        ` --beside ${compared}=127.0.0.1:${besidePorts[compared]}`,
        options === '' ? '' : ` --${options}`,
      ),
      note: `${whoServes(known, protocol)} ${asShown}`,
    });
  }
  steps.push({
    title: 'Take the queue',
    commands: cutoverCommands(`queue${root}`, '', ''),
    note: `${whoServes(known, 'queue')} vqmail goes on with the messages that wait. ${asShown}`,
  });
  return steps;
}

const asShown =
  'The first command shows what would be done, the second does it and goes back by itself when the comparison fails, the third takes it back.';

/** @param what the protocol and the host @param compared what is compared with before and after */
function cutoverCommands(what: string, compared: string, options: string): string[] {
  return [
    `vqmail migrate cutover ${what}${compared}${options}`,
    `vqmail migrate cutover ${what}${compared} --yes${options}`,
    `vqmail migrate rollback ${what} --yes`,
  ];
}

function isServedHere({ services, ports, parts }: Known, protocol: string): boolean {
  if (protocol === 'smtp' || protocol === 'pop3') return true;
  const byPostfix = parts.some(({ name }) => name === `Postfix listens on ${protocol}`);
  return (
    byPostfix ||
    services.some((service) => service.protocol === protocol) ||
    ports.some((port) => port.protocol === protocol)
  );
}

function whoServes(known: Known, protocol: string): string {
  const service = known.services.find((each) => each.protocol === protocol);
  if (service !== undefined) return `It is ${service.name} (${service.path}) today.`;
  const held = known.ports.find((port) => port.protocol === protocol);
  return held?.pid === undefined
    ? 'Who serves it today was not seen.'
    : `Port ${held.port} is held by process ${held.pid} today: ${held.command}`;
}

/** Where there is no qmail-send, nobody else works on the queue. */
function queueOption({ parts }: Known): string {
  return parts.some(({ area, name }) => area === 'qmail' && name === 'qmail') ? ' --queue beside' : '';
}

/** Options that this host needs. */
function serveOptions({ parts, services, root }: Known): string {
  const options: string[] = [];
  const uidl = parts.find(({ name }) => name.startsWith('Dovecot: pop3_uidl_format'))?.name.split(' = ')[1];
  if (uidl !== undefined) options.push(`--uidl 'dovecot:${uidl}'`);
  else if (parts.some(({ name }) => name === 'Courier POP3')) options.push('--uidl courier');
  else if (parts.some(({ name }) => name.startsWith('Dovecot: protocols') && name.includes('pop3')))
    options.push('--uidl dovecot');
  const rules = services.find(({ protocol, rules: file }) => protocol === 'smtp' && file !== undefined)?.rules;
  const directory = rules?.slice(0, rules.lastIndexOf('/'));
  if (directory?.startsWith('/') && directory !== '/etc/tcp')
    options.push(`--tcp-dir ${root === '/' ? '' : root}${directory}`);
  return options.map((option) => ` ${option}`).join('');
}

function sampleAddress({ size }: Known): string {
  return `postmaster@${size.domains[0]?.name ?? 'DOMAIN'}`;
}
