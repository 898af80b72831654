// The access rules: what tcprules refuses, a cdb that is missing, broken, older or different, and rules that let everybody relay.
//
// The rules of clients that logged in (vpopmail's etc/open-smtp) are compiled behind the administrator's, so the first `:` rule of the text wins over them.

import { readIfPresent } from '../../files/read.js';
import { bufferSource, cdbFind, cdbRecords } from '../../formats/databases/cdb.js';
import { verifyCdb } from '../../formats/databases/cdb-verify.js';
import { expandRange, parseRule, ruleData } from '../../formats/databases/tcprules.js';
import {
  parseRulesDocument,
  type RulesDocument,
  rulesFindings,
  rulesLine,
} from '../../formats/databases/tcprules-document.js';
import { parseOpenSmtp } from '../../formats/vpopmail/open-smtp.js';
import { sharedFileFindings } from './control-findings.js';
import { error, type Finding, guarded, inFile, look, type Search, warning } from './finding.js';

/** What to do when the cdb is not what the text says. */
const compile = 'run tcprules smtp.cdb smtp.tmp < smtp';

/** One compiled rule and the line that it comes from. */
interface CompiledRule {
  readonly data: string;
  readonly line: number;
}

/** Problems of /etc/tcp/smtp, its cdb and vpopmail's open-smtp. */
export function* accessRulesFindings(search: Search): Generator<Finding> {
  const { smtpRules, smtpRulesCdb } = search.host.layout;
  yield* guarded(smtpRules, () => textFindings(search));
  yield* guarded(smtpRulesCdb, () => compiledFindings(search), `tcpserver drops every connection; ${compile}`);
}

function* textFindings(search: Search): Generator<Finding> {
  const { layout } = search.host;
  const bytes = readIfPresent(layout.smtpRules);
  const document = parseRulesDocument(bytes ?? Buffer.alloc(0));
  yield* inFile(layout.smtpRules, rulesFindings(document));
  const openSmtp = layout.etc('open-smtp');
  const roaming = readIfPresent(openSmtp);
  if (document.lines.at(-1)?.end === '' && roaming !== undefined && roaming.length > 0) {
    const text =
      'does not end in a newline: tcprules joins it with the first line of open-smtp and refuses both; add one';
    yield error(layout.smtpRules, text, document.lines.length);
  }
  yield* openRelayLines(layout.smtpRules, document);
  if (roaming !== undefined) yield* guarded(openSmtp, () => roamingFindings(openSmtp, roaming, document));
}

/** Rules for everybody, or for everybody with a host name, that set RELAYCLIENT. */
function* openRelayLines(path: string, document: RulesDocument): Generator<Finding> {
  const seen = new Set<string>();
  for (const [index, line] of document.lines.entries()) {
    if (line.kind !== 'rule' || seen.has(line.address)) continue;
    seen.add(line.address);
    if (line.deny || !line.settings.some((setting) => setting.startsWith('RELAYCLIENT='))) continue;
    if (line.address === '')
      yield error(path, 'RELAYCLIENT for every client: this host relays for everybody; take it out', index + 1);
    if (line.address === '=') {
      const text = 'RELAYCLIENT for every client with a host name: this host relays for nearly everybody; take it out';
      yield error(path, text, index + 1);
    }
  }
}

function* roamingFindings(path: string, bytes: Buffer, rules: RulesDocument): Generator<Finding> {
  const hasDefault = rules.lines.some((line) => line.kind === 'rule' && line.address === '');
  for (const [index, line] of parseOpenSmtp(bytes).lines.entries()) {
    if (line.kind === 'broken') {
      if (line.text !== '') yield warning(path, 'has no TAB and time; clearopensmtp drops it', index + 1);
      continue;
    }
    const rule = rulesLine(line.rule);
    if (rule.kind === 'broken')
      yield error(path, 'is no rule: tcprules refuses the whole file or never ends; remove it', index + 1);
    if (rule.kind !== 'rule' || rule.address !== '') continue;
    const cause = 'a login from ::1 became a rule without an address, which lets everybody relay; remove it';
    if (hasDefault) yield warning(path, `${cause} (the : rule in smtp still stands before it)`, index + 1);
    else yield error(path, cause, index + 1);
  }
}

function* compiledFindings(search: Search): Generator<Finding> {
  const { layout } = search.host;
  const { smtpRules, smtpRulesCdb } = layout;
  yield* sharedFileFindings(search, smtpRulesCdb, 'tcpserver drops every connection');
  const text = readIfPresent(smtpRules);
  const cdb = readIfPresent(smtpRulesCdb);
  if (cdb === undefined) {
    if (text === undefined) return;
    const problem = 'is missing: tcpserver drops every connection, and vqmail lets everybody in without these rules';
    yield error(smtpRulesCdb, `${problem}; ${compile}`);
    return;
  }
  verifyCdb(bufferSource(cdb), smtpRulesCdb);
  yield* compiledRelayFindings(smtpRulesCdb, cdb, text);
  if (text !== undefined) yield* comparedFindings(search, text, cdb);
}

/** A default rule with RELAYCLIENT that the text does not have (any more). */
function* compiledRelayFindings(path: string, cdb: Buffer, text: Buffer | undefined): Generator<Finding> {
  const data = cdbFind(bufferSource(cdb), '', path);
  if (data === undefined) return;
  const rule = parseRule(data);
  const inText = text === undefined ? undefined : rulesByKey(text).get('');
  if (rule.deny || !rule.environment.has('RELAYCLIENT') || inText?.data === data.toString('latin1')) return;
  yield error(
    path,
    'holds a rule without an address that sets RELAYCLIENT: this host relays for everybody; run tcprules',
  );
}

function* comparedFindings({ host }: Search, text: Buffer, cdb: Buffer): Generator<Finding> {
  const { smtpRules, smtpRulesCdb } = host.layout;
  const source = bufferSource(cdb);
  const rules = rulesByKey(text);
  let differs = parseRulesDocument(text).lines.some(({ kind }) => kind === 'broken');
  for (const [key, { data, line }] of rules) {
    if (cdbFind(source, key, smtpRulesCdb)?.toString('latin1') === data) continue;
    differs = true;
    yield error(
      smtpRules,
      `the rule for ${key === '' ? 'everybody' : key} is not in force: smtp.cdb says something else; run tcprules`,
      line,
    );
  }
  const roaming = new Set(roamingKeys(readIfPresent(host.layout.etc('open-smtp'))));
  for (const { key } of cdbRecords(source, smtpRulesCdb)) {
    const name = key.toString('latin1');
    if (rules.has(name) || roaming.has(name)) continue;
    differs = true;
    yield warning(
      smtpRulesCdb,
      `still has a rule for ${name === '' ? 'everybody' : name}, which is in neither smtp nor open-smtp; run tcprules`,
    );
  }
  const [textStatus, cdbStatus] = [look(smtpRules), look(smtpRulesCdb)];
  if (textStatus === undefined || cdbStatus === undefined || textStatus.mtimeNs <= cdbStatus.mtimeNs) return;
  if (differs) yield error(smtpRules, `is newer than smtp.cdb and says something else; ${compile}`);
  else yield warning(smtpRules, `is newer than smtp.cdb, which says the same; ${compile}`);
}

/** The rules that tcprules would compile, ranges expanded; of equal addresses the first. Lines that it refuses are left out. */
function rulesByKey(text: Buffer): Map<string, CompiledRule> {
  const rules = new Map<string, CompiledRule>();
  for (const [index, line] of parseRulesDocument(text).lines.entries()) {
    if (line.kind !== 'rule') continue;
    for (const key of expandRange(line.address) ?? []) {
      if (!rules.has(key)) rules.set(key, { data: ruleData(line), line: index + 1 });
    }
  }
  return rules;
}

function* roamingKeys(bytes: Buffer | undefined): Generator<string> {
  if (bytes === undefined) return;
  for (const line of parseOpenSmtp(bytes).lines) if (line.kind === 'entry') yield line.address;
}
