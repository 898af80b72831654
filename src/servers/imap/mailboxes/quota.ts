// GETQUOTA and GETQUOTAROOT (RFC 9208): one quota root for all mailboxes of an account, with the limits of vpasswd. An account without limits has none.

import { argumentsOf, type ImapCommand, ImapProblem, type LoggedInSession, no, ok } from '../command.js';

const root = 'User quota';
const kibi = 1024;

export const getQuotaRoot: ImapCommand = {
  state: 'logged-in',
  async run(session, command) {
    const decoder = argumentsOf(command);
    const name = session.names.fromClient(decoder.astring());
    decoder.end();
    if (!(await session.account.has(name)))
      throw new ImapProblem('NO', `Mailbox doesn't exist: ${name}.`, 'NONEXISTENT');
    const resources = await resourcesOf(session);
    session.output.untagged(`QUOTAROOT ${session.names.shown(name)}${resources === undefined ? '' : ` "${root}"`}`);
    if (resources !== undefined) session.output.untagged(`QUOTA "${root}" (${resources})`);
    return ok('Getquotaroot completed.');
  },
};

export const getQuota: ImapCommand = {
  state: 'logged-in',
  async run(session, command) {
    const decoder = argumentsOf(command);
    const name = decoder.astring();
    decoder.end();
    const resources = name === root ? await resourcesOf(session) : undefined;
    if (resources === undefined) return no('Quota root does not exist.', 'NONEXISTENT');
    session.output.untagged(`QUOTA "${root}" (${resources})`);
    return ok('Getquota completed.');
  },
};

async function resourcesOf({ account }: LoggedInSession): Promise<string | undefined> {
  const state = await account.quota();
  if (state === undefined) return undefined;
  const { limitBytes, limitCount, usedBytes, usedCount } = state;
  const storage =
    limitBytes === undefined ? [] : [`STORAGE ${Math.ceil(usedBytes / kibi)} ${Math.ceil(limitBytes / kibi)}`];
  const message = limitCount === undefined ? [] : [`MESSAGE ${usedCount} ${limitCount}`];
  return [...storage, ...message].join(' ');
}
