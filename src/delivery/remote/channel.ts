// The remote channel of the queue: qmail-rspawn's and qmail-remote's work for messages of the queue, without a process for each.
//
// The recipients of an attempt go by their domains, as qmail-rspawn takes them (what follows the last `@`); those of one domain share a session and a copy of
// the message, up to `recipientsPerMessage` of them. Domains are tried at the same time. Each recipient's report is the one that a session of its own would have given: those that a server
// has no room for behind others follow in a message of their own at once (RFC 5321 4.5.3.1.10).

import { lower, splitAddress } from '../../mail/address.js';
import type { DeliveryAttempt, DeliveryChannel, DeliveryReport } from '../report.js';
import { RemoteDelivery, type RemoteRequest } from './attempt.js';
import { type RemoteContext, usualLimits } from './context.js';
import { MessageTrouble, OutgoingMessage } from './message.js';
import { fixedReports, type RemoteResult, reportOf, resultOf } from './reports.js';
import { breaksLine } from './wire-address.js';

type Report = (index: number, report: DeliveryReport) => void;

/** Recipients that share a session, with their places in the attempt. */
interface Group {
  readonly host: string;
  readonly recipients: readonly { readonly address: string; readonly index: number }[];
}

/** The remote channel of the queue. */
export function createRemoteChannel(context: RemoteContext): DeliveryChannel {
  const delivery = new RemoteDelivery(context);
  const running = new Set<Promise<void>>();
  return {
    deliver: (attempt, report) => {
      const work = deliver(delivery, context, attempt, report).finally(() => running.delete(work));
      running.add(work);
      return work;
    },
    close: async () => {
      await Promise.all(running);
      delivery.close();
    },
  };
}

/**
 * One message for one host, as qmail-remote tries it: no session is kept.
 * @returns what `serializeReports` turns into qmail-remote's output
 */
export async function remoteReports(context: RemoteContext, request: RemoteRequest): Promise<RemoteResult> {
  const delivery = new RemoteDelivery(context);
  const result = await delivery.attempt(request);
  delivery.close();
  return result;
}

async function deliver(
  delivery: RemoteDelivery,
  context: RemoteContext,
  { message, sender, recipients }: DeliveryAttempt,
  report: Report,
): Promise<void> {
  const untold = new Set(recipients.keys());
  const tell: Report = (index, one) => {
    if (untold.delete(index)) report(index, one);
  };
  try {
    const groups = groupByHost(
      recipients,
      context.limits?.recipientsPerMessage ?? usualLimits.recipientsPerMessage,
      tell,
    );
    const outgoing = OutgoingMessage.open(message.path);
    const one = async ({ host, recipients: members }: Group): Promise<void> => {
      for (let left = members; left.length > 0; ) {
        const request = { host, sender, recipients: left.map(({ address }) => address), message: outgoing };
        const result = await delivery.attempt(request);
        // Fewer each time: somebody was taken before them.
        const isForNext = (place: number): boolean => result.recipients[place]?.isOverLimit === true;
        for (const [place, { index }] of left.entries()) if (!isForNext(place)) tell(index, reportOf(result, place));
        left = left.filter((_, place) => isForNext(place));
      }
    };
    await Promise.all(groups.map(one)).finally(() => outgoing.close());
  } catch (error) {
    if (!(error instanceof MessageTrouble))
      context.log.alert(`remote delivery: ${error instanceof Error ? error.stack : String(error)}`);
    const trouble = error instanceof MessageTrouble ? error.report : fixedReports.noResources;
    for (const index of [...untold]) tell(index, reportOf(resultOf(trouble), 0));
  }
}

/** Recipients that no host can be asked about are told at once. */
function groupByHost(recipients: readonly string[], most: number, tell: Report): Group[] {
  const byHost = new Map<string, Group & { recipients: { address: string; index: number }[] }>();
  const full: Group[] = [];
  for (const [index, address] of recipients.entries()) {
    const host = splitAddress(address).domain;
    const trouble =
      host === undefined ? fixedReports.noHostName : breaksLine(address) ? fixedReports.lineInAddress : undefined;
    if (host === undefined || trouble !== undefined) {
      tell(index, reportOf(resultOf(trouble ?? fixedReports.noHostName), 0));
      continue;
    }
    const group = byHost.get(lower(host)) ?? { host, recipients: [] };
    group.recipients.push({ address, index });
    if (group.recipients.length < most) byHost.set(lower(host), group);
    else {
      byHost.delete(lower(host));
      full.push(group);
    }
  }
  return [...full, ...byHost.values()];
}
