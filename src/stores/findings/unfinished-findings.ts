// Changes of domains that a tool of ours began and did not end: it was killed, or the machine stopped. The next tool that changes a domain finishes or undoes them; until then the host
// stands in the middle of one. Looking takes the lock of a record for a moment, as its next owner will.

import { isMissing } from '../../files/read.js';
import { type ChangeRecord, toolOfChange } from '../../formats/vpopmail/domain-change.js';
import { changeOf, domainsInChange, isUnderWay } from '../domains/domain-changes.js';
import { type Finding, guarded, type Search, warning } from './finding.js';

/** Problems of the records of changes. */
export function* unfinishedFindings({ host: { layout } }: Search): Generator<Finding> {
  for (const domain of domainsInChange(layout).sort()) {
    const file = layout.domainChange(domain);
    yield* guarded(file, function* () {
      if (isAtWork(() => isUnderWay(layout, domain))) return;
      yield warning(file, told(domain, changeOf(layout, domain)));
    });
  }
}

/** A change that ended meanwhile is none any more. */
function isAtWork(look: () => boolean): boolean {
  try {
    return look();
  } catch (error) {
    if (error instanceof Error && isMissing(error.cause)) return true;
    throw error;
  }
}

function told(domain: string, record: ChangeRecord | undefined): string {
  if (record === undefined)
    return 'was left by a tool that died before it had begun; remove it, or the next vadddomain or vdeldomain does';
  const tool = toolOfChange[record.kind];
  const names = record.kind === 'alias' ? `${domain} ${record.realDomain}` : domain;
  const after = record.steps.length === 0 ? 'at its beginning' : `after the step "${record.steps.at(-1)}"`;
  return `${tool} of ${domain} (process ${record.pid}) died ${after}, so the domain may be there in part; run ${tool} ${names} again, which first finishes or undoes it`;
}
