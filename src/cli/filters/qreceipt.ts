// qreceipt ADDRESS: answers a message that asks for it with a note that it was delivered to ADDRESS, as the original. In .qmail files, before the line that delivers.
//
//   Notice-Requested-Upon-Delivery-To: joe@example.jp      asks; the note goes to the envelope sender, from nobody

import { PermanentError } from '../../errors.js';
import { quoteAddress } from '../../mail/address.js';
import { rewriteAddressList } from '../../mail/injection/address-list.js';
import { nameOf, splitHeader } from '../../mail/injection/header-fields.js';
import { addressText, parseTokens } from '../../mail/injection/tokens.js';
import { enqueueWhole } from '../../queue/enqueue/enqueuer.js';
import { toolQueue } from '../queue/own-queue.js';
import { orFailSilently, runTool, ToolFailure, type ToolIo } from '../tool-io.js';

/** The tool. @returns its exit code */
export async function qreceipt([target]: string[], io: ToolIo): Promise<number> {
  const sender = io.env.SENDER;
  if (target === undefined || sender === undefined) {
    io.stderr('qreceipt: usage: qreceipt deliveryaddress\n');
    return 100;
  }
  return runTool('qreceipt: fatal: ', io, async () => {
    const message = await orFailSilently('read error', () => io.readAll());
    const { fields } = splitHeader(message);
    const isAsked = fields.some((field) => asks(field, target));
    if (!isAsked || sender === '' || sender === '#@[]') return 0;
    const id = fields.findLast((field) => nameOf(field) === 'message-id');
    const note = Buffer.from(noteTo(sender, target, id), 'latin1');
    const invokedBy = { uid: process.getuid?.() ?? 0 };
    try {
      await enqueueWhole(await toolQueue(io), { invokedBy }, { sender: '', recipients: [sender] }, [note]);
    } catch (error) {
      const isForGood = error instanceof PermanentError;
      throw new ToolFailure(isForGood ? 100 : 111, `${isForGood ? 'permanent' : 'temporary'} qmail-queue error`);
    }
    return 0;
  });
}

function asks(field: string, target: string): boolean {
  if (nameOf(field) !== 'notice-requested-upon-delivery-to') return false;
  const tokens = parseTokens(field);
  let isFound = false;
  const list =
    tokens &&
    rewriteAddressList(tokens, (address) => {
      if (addressText(address) === target) isFound = true;
      return address;
    });
  if (list === undefined) throw new ToolFailure(100, `unable to parse this: ${field.replace(/\n$/, '')}`);
  return isFound;
}

function noteTo(sender: string, target: string, messageId: string | undefined): string {
  const quoted = quoteAddress(sender);
  return (
    `From: DELIVERY NOTICE SYSTEM <${quoted}>\nTo: <${quoted}>\nSubject: success notice\n\n` +
    'Hi! This is the qreceipt program. Your message was delivered to the\n' +
    `following address: ${target}. Thanks for asking.\n${messageId === undefined ? '' : `Your ${messageId}`}`
  );
}
