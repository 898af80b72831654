// In which order this host is best moved, with the commands for it: what is broken first, then beside, then one protocol at a time, the queue last.

import { isServedProtocol } from '../../src/settings.js';
import { mailPorts } from '../host/ports.js';
import type { Service } from '../host/services.js';
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
/** Reading first, since nothing is lost if it fails; the queue last. */
const order = ['pop3', 'pop3s', 'imap', 'imaps', 'submission', 'smtps', 'smtp'].filter(isServedProtocol);
/** The customary port of a protocol. */
const customaryPort = (protocol: string): string =>
  Object.entries(mailPorts).find(([, name]) => name === protocol)?.[0] ?? '0';

/** The steps for what is known of a host. */
export function recommendedSteps(known: Known): Step[] {
  const errors = known.problems.filter(({ severity }) => severity === 'error').length;
  const protocols = order.filter((protocol) => isServedHere(known, protocol));
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
  for (const protocol of protocols) steps.push(moveStep(known, protocol));
  const queue = known.services.find((service) => service.protocol === 'queue');
  steps.push({
    title: 'Take the queue',
    commands: queue === undefined ? [] : [...stopCommands(queue)],
    note: 'Then serve with --queue instead: vqmail goes on with the messages that wait. To go back, stop vqmail and start qmail-send again.',
  });
  return steps;
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

function moveStep(known: Known, protocol: string): Step {
  const service = known.services.find((each) => each.protocol === protocol);
  const held = known.ports.find((port) => port.protocol === protocol);
  const where =
    service !== undefined
      ? `It is ${service.name} (${service.path}) today.`
      : held?.pid !== undefined
        ? `Port ${held.port} is held by process ${held.pid} today: ${held.command}`
        : 'Who serves it today was not seen.';
  return {
    title: `Move ${protocol}`,
    commands: [...(service === undefined ? [] : stopCommands(service))],
    note: `${where} Then serve with --listen ${protocol}=0.0.0.0:${customaryPort(protocol)}. To go back, stop vqmail and start the old server: the files are the same.`,
  };
}

/** How a service is stopped by its own manager. */
function stopCommands({ manager, name, path }: Service): string[] {
  switch (manager) {
    case 'daemontools':
      return [`touch ${name}/down`, `svc -d ${name}`];
    case 'runit':
      return [`touch ${name}/down`, `sv down ${name}`];
    case 'systemd':
      return [`systemctl disable --now ${name}`];
    case 'rc':
      return [`${path} stop`];
    case 'script':
      return [];
  }
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
