// Our tools killed before each of their changes of the disk in turn, as programs of their own: at once every file is whole and every lock is free; the same call made again
// succeeds, or finds its work done, and then the account or domain is all there, or all gone.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { login } from '../../src/auth/login.js';
import { PasswordChecker } from '../../src/auth/password.js';
import { Layout } from '../../src/layout.js';
import { openHost } from '../../src/stores/host.js';
import { callTool } from '../support/call-tool.js';
import { needsRoot } from '../support/needs.js';
import { run } from '../support/program.js';
import { removeRoot } from '../support/recording.js';
import { vqmailProgram } from '../support/started-server.js';
import { makeAdminHost, mustCall } from './admin-host.js';
import {
  checkAccounts,
  checkDerived,
  checkLocksFree,
  checkWhole,
  domainsOf,
  linesOf,
  placesOf,
  wholeAlias,
  wholeDomain,
} from './host-state.js';
import type { Call } from './writers.js';

interface Row {
  readonly call: Call;
  /** What makes the state that the call finds, each time. */
  readonly before: readonly Call[];
  /** Exit codes of the call made again that mean that its work was done. */
  readonly done: readonly number[];
  /** What must be true when it has been made again. */
  readonly after: (root: string) => void | Promise<void>;
}

const base = 'base.example';
const [user, domain, alias] = [`user@${base}`, 'new.example', 'alias.example'];

function account(root: string): ReturnType<ReturnType<typeof checkAccounts>['get']> {
  return checkAccounts(domainsOf(root).get(base) ?? '').get('user');
}

function isAt(name: string, places: readonly string[]): (root: string) => void {
  return (root) => assert.deepEqual(placesOf(root, name), places, name);
}

function home(root: string): string {
  return `${domainsOf(root).get(base)}/user`;
}

async function logIn(root: string): Promise<void> {
  const request = { service: 'pop3', login: user, secret: { password: 'secret99' }, remoteIp: '192.0.2.1' } as const;
  assert.equal((await login(openHost(new Layout({ root })), new PasswordChecker(), request)).ok, true);
}

const rows: readonly Row[] = [
  {
    call: ['vadduser', user, 'secret99'],
    before: [],
    done: [255],
    async after(root) {
      assert.equal(account(root)?.clearPasswd, 'secret99');
      // Killed when the account was in force: as with the originals, who comes first makes its directory.
      if (!fs.existsSync(home(root))) await logIn(root);
      assert.deepEqual(fs.readdirSync(`${home(root)}/Maildir`).sort(), ['cur', 'new', 'tmp']);
    },
  },
  {
    call: ['vadduser', '-q', '10M', '-c', 'A Comment', user, 'secret99'],
    before: [],
    done: [255],
    after: (root) => assert.deepEqual([account(root)?.quota, account(root)?.gecos], ['10485760S', 'A Comment']),
  },
  {
    call: ['vpasswd', user, 'changed99'],
    before: [['vadduser', user, 'secret99']],
    done: [],
    after: (root) => assert.equal(account(root)?.clearPasswd, 'changed99'),
  },
  {
    call: ['vsetuserquota', user, '5M'],
    before: [['vadduser', user, 'secret99']],
    done: [],
    after(root) {
      assert.equal(account(root)?.quota, '5242880S');
      assert.equal(linesOf(`${home(root)}/Maildir/maildirsize`)[0], '5242880S');
    },
  },
  {
    call: ['vdeluser', user],
    before: [['vadduser', user, 'secret99']],
    done: [246, 255],
    async after(root) {
      assert.equal(account(root), undefined);
      // Killed when the account was gone and its directory was not yet moved away: the mail stays, and nobody gets it by a new account of that name.
      if (!fs.existsSync(home(root))) return;
      assert.equal((await callTool(root, ['vadduser', user, 'secret99'])).exit, 249);
      fs.rmSync(home(root), { recursive: true });
    },
  },
  { call: ['vadddomain', domain, 'secret99'], before: [], done: [243], after: isAt(domain, wholeDomain) },
  {
    call: ['vdeldomain', domain],
    before: [['vadddomain', domain, 'secret99']],
    done: [245],
    after: isAt(domain, []),
  },
  {
    call: ['vdeldomain', '-f', domain],
    before: [
      ['vadddomain', domain, 'secret99'],
      ['vaddaliasdomain', domain, alias],
    ],
    done: [245],
    after(root) {
      for (const name of [domain, alias]) isAt(name, [])(root);
    },
  },
  { call: ['vaddaliasdomain', base, alias], before: [], done: [255], after: isAt(alias, wholeAlias) },
  {
    call: ['vmoddomlimits', '-P', '7', base],
    before: [],
    done: [],
    after: (root) => assert.equal(linesOf(`${domainsOf(root).get(base)}/.qmailadmin-limits`)[0], 'maxpopaccounts: 7'),
  },
  {
    call: ['valias', '-i', '&x@y.example', `list@${base}`],
    before: [],
    done: [255],
    after: (root) => assert.deepEqual(linesOf(`${domainsOf(root).get(base)}/.qmail-list`), ['&x@y.example']),
  },
  {
    call: ['clearopensmtp'],
    before: [],
    done: [],
    after: (root) => assert.deepEqual(linesOf(new Layout({ root }).etc('open-smtp')), []),
  },
];

const preload = new URL(`./killed-before${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url);

/** Runs the call and kills it before its Nth change. Gives whether it was. */
async function isKilledBefore(root: string, call: Call, change: number): Promise<boolean> {
  const argv = [process.execPath, '--import', preload.href, vqmailProgram, '--root', root, ...call];
  const { status, stdout, stderr } = await run(argv, '', {
    KILLED_BEFORE: String(change),
    NODE_TEST_CONTEXT: undefined,
  });
  if (status === 'SIGKILL') return true;
  assert.deepEqual([status, stderr], [0, ''], stdout);
  return false;
}

/** Everything that the rows make is gone again. */
async function makeReady(root: string, before: readonly Call[]): Promise<void> {
  for (const name of [alias, domain]) if (domainsOf(root).has(name)) await mustCall(root, ['vdeldomain', '-f', name]);
  // It complains of a directory that is not there.
  if (account(root) !== undefined) await callTool(root, ['vdeluser', user]);
  for (const file of ['.qmailadmin-limits', '.qmail-list'])
    fs.rmSync(`${domainsOf(root).get(base)}/${file}`, { force: true });
  fs.writeFileSync(new Layout({ root }).etc('open-smtp'), '192.0.2.1:allow,RELAYCLIENT="",RBLSMTPD=""\t1000000000\n');
  await mustCall(root, ...before);
}

describe('killed before each change', { concurrency: 3 }, () => {
  for (const { call, before, done, after } of rows) {
    it(call.join(' '), async (t) => {
      if (!needsRoot(t)) return;
      const root = makeAdminHost();
      t.after(() => removeRoot(root));
      await mustCall(root, ['vadddomain', base, 'postmaster-password']);
      let change = 1;
      for (let isKilled = true; isKilled; change++) {
        await makeReady(root, before);
        isKilled = await isKilledBefore(root, call, change);
        checkWhole(root);
        checkLocksFree(root);
        const again = await callTool(root, call);
        const where = `${call.join(' ')} killed before change ${change}, and again: ${again.exit} ${again.stdout}${again.stderr}`;
        assert.ok(again.exit === 0 || done.includes(again.exit), where);
        try {
          await after(root);
          checkDerived(root);
        } catch (error) {
          const why = error instanceof Error ? error.message : String(error);
          throw new Error(`${where}\n${why}`, { cause: error });
        }
      }
      assert.ok(change > 3, 'it changes something');
      t.diagnostic(`${call.join(' ')}: ${change - 2} changes`);
    });
  }
});
