// The compiled access rules (smtp.cdb) as texts that can be compared and shown: `10.:allow,RELAYCLIENT=`, `:deny`. Every login of a client that may relay afterwards rewrites this file,
// so these events are as frequent as those logins.

import { bufferSource, cdbRecords } from '../../formats/databases/cdb.js';
import { parseRule } from '../../formats/databases/tcprules.js';

/** The rules of a smtp.cdb; of an address that occurs twice the first. @throws CorruptFileError */
export function ruleTexts(bytes: Buffer, path: string): string[] {
  const texts = new Map<string, string>();
  for (const { key, data } of cdbRecords(bufferSource(bytes), path)) {
    const address = key.toString('latin1');
    const { deny, settings } = parseRule(data);
    if (!texts.has(address)) texts.set(address, [`${address}:${deny ? 'deny' : 'allow'}`, ...settings].join(','));
  }
  return [...texts.values()];
}
