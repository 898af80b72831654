import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { CorruptFileError, TemporaryError } from '../../src/errors.js';
import { makeCdb } from '../../src/formats/databases/cdb.js';
import { compileRules } from '../../src/formats/databases/tcprules.js';
import { Layout } from '../../src/layout.js';
import type { AccessRules } from '../../src/stores/access-rules.js';
import { openHost } from '../../src/stores/host.js';
import { withFolder } from '../files/folder.js';

function withRules(work: (rules: AccessRules, compile: (text: string) => void, layout: Layout) => void): Promise<void> {
  return withFolder((root) => {
    const layout = new Layout({ root });
    fs.mkdirSync(layout.tcp, { recursive: true });
    const compile = (text: string): void => {
      fs.writeFileSync(layout.smtpRulesCdb, makeCdb(compileRules(Buffer.from(text), 'smtp')));
    };
    work(openHost(layout).accessRules, compile, layout);
  });
}

describe('access rules', () => {
  it('decide by the one rule that matches first', () =>
    withRules((rules, compile) => {
      compile('127.:allow,RELAYCLIENT="",DATABYTES="5"\n10.1.2.3:deny\n=.spam.example:deny\n:allow\n');
      const local = rules.decide({ ip: '127.0.0.1' });
      assert.deepEqual(
        [local.allow, local.rule, [...local.environment]],
        [
          true,
          '127.',
          [
            ['RELAYCLIENT', ''],
            ['DATABYTES', '5'],
          ],
        ],
      );
      assert.equal(rules.decide({ ip: '10.1.2.3' }).allow, false);
      assert.equal(rules.decide({ ip: '10.1.2.4', host: 'a.spam.example' }).allow, false);
      assert.deepEqual(
        [rules.decide({ ip: '10.1.2.4' }).rule, rules.decide({ ip: '10.1.2.4' }).environment.size],
        ['', 0],
      );
    }));

  it('allow everybody, without variables, when no rule matches or there is no file', () =>
    withRules((rules, compile) => {
      const anyone = { allow: true, environment: new Map() };
      assert.deepEqual(rules.decide({ ip: '192.0.2.1' }), anyone);
      compile('127.:allow,RELAYCLIENT=""\n');
      assert.deepEqual(rules.decide({ ip: '192.0.2.1' }), anyone);
    }));

  it('change for the next client', () =>
    withRules((rules, compile, layout) => {
      for (let round = 0; round < 3; round++) {
        compile('192.0.2.1:deny\n');
        assert.equal(rules.decide({ ip: '192.0.2.1' }).allow, false);
        compile('192.0.2.2:deny\n');
        assert.equal(rules.decide({ ip: '192.0.2.1' }).allow, true);
        fs.rmSync(layout.smtpRulesCdb);
        assert.equal(rules.decide({ ip: '192.0.2.2' }).allow, true);
      }
    }));

  const broken: [string, Buffer | undefined][] = [
    ['empty', Buffer.alloc(0)],
    ['text', Buffer.from('127.:allow\n'.repeat(300))],
    ['zeros', Buffer.alloc(4096)],
    ['a directory', undefined],
  ];
  for (const [name, content] of broken) {
    it(`turn clients away for now when the file is ${name}`, () =>
      withRules((rules, _compile, layout) => {
        if (content === undefined) fs.mkdirSync(layout.smtpRulesCdb);
        else fs.writeFileSync(layout.smtpRulesCdb, content);
        const isTrouble = (error: unknown): boolean =>
          error instanceof TemporaryError || error instanceof CorruptFileError;
        assert.throws(() => rules.decide({ ip: '127.0.0.1' }), isTrouble);
      }));
  }
});
