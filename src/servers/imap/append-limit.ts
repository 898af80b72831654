// The largest message that APPEND and REPLACE take, as CAPABILITY and STATUS say it (RFC 7889).

import type { ImapServices } from './server.js';
import { defaultAppendLimit } from './settings.js';

/** In bytes, as it is now. @throws TemporaryError when control/databytes counts and cannot be read */
export function appendLimit({ settings, host }: Pick<ImapServices, 'settings' | 'host'>): number {
  if (settings.appendLimit !== 'databytes') return settings.appendLimit;
  return host.control.databytes() || defaultAppendLimit;
}
