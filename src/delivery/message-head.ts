// The lines that a delivery puts above a message (formats/qmail.md 6.7, vpopmail.md 4.7):
//
//   Return-Path: <noel@example.gr.jp>
//   Delivered-To: test@mailtest.example.jp
//   Received: (qmail 30 invoked by uid 6020); 24 Nov 2026 02:35:57 -0000        for each forward by a catch-all, the last one first
//   Delivered-To: nobody@mailtest.example.jp
//   Received: (qmail 43 invoked from network); 24 Nov 2026 02:35:57 -0000       the lines of the way in

import { deliveredToLine, returnPathLine } from '../mail/address.js';
import { queueReceivedLine } from '../mail/received.js';
import type { Envelope } from './accept.js';
import type { MaildirTarget } from './resolution/resolution.js';

/** The lines above a message for one Maildir. */
export function messageHead(envelope: Envelope, target: MaildirTarget, unixSeconds: number): Buffer {
  const traces = traceLines(target, unixSeconds);
  const own = returnPathLine(envelope.sender) + deliveredToLine(target.deliveredTo);
  return Buffer.from(own + traces + envelope.receivedLines, 'latin1');
}

/** How many bytes of the head vdelivermail counts to the message: all but its own two lines. */
export function countedHeadBytes(envelope: Envelope, target: MaildirTarget, unixSeconds: number): number {
  return traceLines(target, unixSeconds).length + envelope.receivedLines.length;
}

function traceLines(target: MaildirTarget, unixSeconds: number): string {
  return (target.forwards ?? [])
    .map(({ uid, deliveredTo }) => {
      const received = queueReceivedLine({ pid: process.pid, invokedBy: { uid }, unixSeconds });
      return received + deliveredToLine(deliveredTo);
    })
    .join('');
}
