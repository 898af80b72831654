// What the queue tells the log: events, written as qmail-send's lines (formats/qmail.md 4.8), which qmailanalog, qlogtools and people's scripts read, or as one JSON object a
// line with the same in it.
//
//   new msg 2238825
//   info msg 2238825: bytes 97 from <sender@ext.example> qp 12871 uid 1001
//   starting delivery 1: msg 2238825 to local joe@test.example
//   status: local 1/10 remote 0/20
//   delivery 1: success: did_1+0+0/
//   end msg 2238825
//
// In lines, addresses and texts are shown without blanks: LF is `/`, and each byte that is not a printing ASCII character, or is `%`, is `_`. In objects they are whole.

import type { Log } from '../log.js';
import type { ChannelName } from './tree.js';

export type QueueEvent =
  | { readonly event: 'new'; readonly msg: string }
  | {
      readonly event: 'info';
      readonly msg: string;
      readonly bytes: number;
      readonly from: string;
      readonly qp: string;
      readonly uid: string;
    }
  | {
      readonly event: 'starting';
      readonly delivery: number;
      readonly msg: string;
      readonly channel: ChannelName;
      readonly to: string;
    }
  | {
      readonly event: 'delivery';
      readonly delivery: number;
      readonly outcome: 'success' | 'deferral' | 'failure';
      readonly text: string;
    }
  | { readonly event: 'mangled'; readonly delivery: number }
  | {
      readonly event: 'status';
      readonly local: Load;
      readonly remote: Load;
      readonly isExiting: boolean;
    }
  | { readonly event: 'bounce'; readonly msg: string; readonly qp: number }
  | { readonly event: 'triple-bounce'; readonly msg: string }
  | { readonly event: 'end'; readonly msg: string }
  | { readonly event: 'exiting' }
  | { readonly event: 'warning'; readonly text: string }
  | { readonly event: 'alert'; readonly text: string }
  | { readonly event: 'note'; readonly text: string };

/** Deliveries that run, and how many may. */
export interface Load {
  readonly running: number;
  readonly limit: number;
}

export type QueueLog = (event: QueueEvent) => void;

/** qmail-send's lines. */
export function lineQueueLog(log: Log): QueueLog {
  return (event) => {
    if (event.event === 'warning') log.warning(event.text);
    else if (event.event === 'alert') log.alert(event.text);
    else log.info(lineOf(event));
  };
}

/** One object a line, with the time of the event. */
export function jsonQueueLog(write: (line: string) => void, now: () => Date = () => new Date()): QueueLog {
  return (event) => write(`${JSON.stringify({ time: now().toISOString(), ...event })}\n`);
}

/**
 * Writes the lines of one turn of the event loop at once. They are written before anything happens that waits for the disk; so what a kill can take from the log is what was done at once behind
 * the lines, never that a message has come.
 */
export function gathered(write: (lines: string) => void): (line: string) => void {
  let lines = '';
  return (line) => {
    if (lines === '')
      process.nextTick(() => {
        write(lines);
        lines = '';
      });
    lines += line;
  };
}

function lineOf(event: Exclude<QueueEvent, { readonly event: 'warning' | 'alert' }>): string {
  switch (event.event) {
    case 'new':
      return `new msg ${event.msg}`;
    case 'info':
      return `info msg ${event.msg}: bytes ${event.bytes} from <${shown(event.from)}> qp ${event.qp} uid ${event.uid}`;
    case 'starting':
      return `starting delivery ${event.delivery}: msg ${event.msg} to ${event.channel} ${shown(event.to)}`;
    case 'delivery':
      return `delivery ${event.delivery}: ${event.outcome}: ${shown(event.text)}`;
    case 'mangled':
      return `delivery ${event.delivery}: report mangled, will defer`;
    case 'status':
      return `status: local ${load(event.local)} remote ${load(event.remote)}${event.isExiting ? ' exitasap' : ''}`;
    case 'bounce':
      return `bounce msg ${event.msg} qp ${event.qp}`;
    case 'triple-bounce':
      return `triple bounce: discarding bounce/${event.msg}`;
    case 'end':
      return `end msg ${event.msg}`;
    case 'exiting':
      return 'status: exiting';
    case 'note':
      return event.text;
  }
}

function load({ running, limit }: Load): string {
  return `${running}/${limit}`;
}

/** An address or report as qmail-send's logsafe shows it. */
function shown(text: string): string {
  return text.replace(/[^!-$&-~]/g, (byte) => (byte === '\n' ? '/' : '_'));
}
