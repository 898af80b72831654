// AUTH (RFC 4954), in the words of qmail's SMTP AUTH patch where it has them:
//
//   C: AUTH PLAIN AGpvZQBwYXNz      S: 235 ok, go ahead (#2.0.0)
//   C: AUTH LOGIN                   S: 334 VXNlcm5hbWU6             C: am9l     S: 334 UGFzc3dvcmQ6     C: cGFzcw==     S: 235 ok, go ahead (#2.0.0)
//   C: *                            S: 501 auth exchange canceled (#5.0.0)
//
// What is offered, and whether a login is right, is auth/sasl/sasl-login.ts's. On submission TLS comes first whatever the mechanism, unless the client is trusted (the host itself, --login-trusted)
// or speaks TLS with a proxy. EHLO lists the mechanisms a second time as `AUTH=`, which Outlook Express and others of its time look for.
//
// Once, and outside a transaction. A session whose account is removed, closed or given another password ends with 421 (servers/open-sessions.ts).

import { loginKind } from '../../../auth/login-service.js';
import type { SaslAnswer, SaslClient, SaslExchange, SaslFailure, SaslSuccess } from '../../../auth/sasl/sasl-login.js';
import { mechanismName, sendsPassword } from '../../../protocols/sasl/mechanisms.js';
import { exchangeText } from '../../../protocols/smtp-command.js';
import { isForUsers } from '../admission.js';
import { announce, type Dialog, isSecure, SessionEnd } from '../dialog.js';
import { refusal, replies } from '../replies.js';
import { authReplies } from './replies.js';
import { loggedInClient, type UserServices } from './user.js';

/** RFC 4954 4: the longest line of an exchange, with its CR LF. */
const longestLine = 12_288;

export interface OpenExchange {
  readonly services: UserServices;
  readonly sasl: SaslExchange;
  /** The count of looks at open sessions when it began. */
  readonly looksBefore: number;
}

/** What EHLO says about it. */
export function authKeywords(dialog: Dialog): readonly string[] {
  const { users } = dialog.context;
  if (users === undefined || needsTlsFirst(dialog)) return [];
  const names = users.sasl.mechanisms(saslClient(dialog)).join(' ');
  return names === '' ? [] : [`AUTH ${names}`, `AUTH=${names}`];
}

/** Whether this client has to begin with STARTTLS before it may log in or send. */
export function needsTlsFirst(dialog: Dialog): boolean {
  const { context, origin } = dialog;
  return isForUsers(context.flavour) && !isSecure(dialog) && !(context.users?.sasl.isTrusted(origin) ?? false);
}

/** The command. */
export function authenticate(dialog: Dialog, argument: string): string | Promise<string> {
  const { client, context, transaction } = dialog;
  const { users } = context;
  // Before a first word the verb does not exist, as in a qmail-smtpd without the patch.
  if (users === undefined || (dialog.helo === undefined && dialog.tls === undefined)) return replies.unimplemented;
  if (client.login !== undefined) return authReplies.already;
  if (transaction !== undefined) return authReplies.inTransaction;
  if (needsTlsFirst(dialog)) return authReplies.tlsFirst;
  const [, name = '', initial] = /^(\S*)(?: +(.*?))? *$/.exec(argument) ?? [];
  if (name === '') return authReplies.malformed;
  const asked = saslClient(dialog);
  if (!users.sasl.mechanisms(asked).some((offered) => offered === name.toUpperCase())) return notOffered(dialog, name);
  if (argument.length > longestLine) return authReplies.lineTooLong;
  announce(dialog);
  dialog.exchange = { services: users, sasl: users.sasl.exchange(asked), looksBefore: users.sessions.looks };
  return follow(dialog, dialog.exchange, dialog.exchange.sasl.begin(name, initial === '' ? undefined : initial));
}

/** Takes a line that is not a command but the client's answer. @param line without its LF */
export function continueExchange(dialog: Dialog, exchange: OpenExchange, line: string): string | Promise<string> {
  if (line.length < longestLine) return follow(dialog, exchange, exchange.sasl.step(exchangeText(line)));
  dialog.exchange = undefined;
  return authReplies.lineTooLong;
}

async function follow(dialog: Dialog, exchange: OpenExchange, pending: Promise<SaslAnswer>): Promise<string> {
  const answer = await pending;
  if (answer.kind === 'challenge') return `334 ${answer.base64}`;
  dialog.exchange = undefined;
  return answer.kind === 'success' ? logIn(dialog, answer.login, exchange) : failed(answer);
}

async function logIn(dialog: Dialog, login: SaslSuccess, { services, looksBefore }: OpenExchange): Promise<string> {
  const { context, origin, client } = dialog;
  const { address, account } = login;
  if ((await origin.belongTo?.(address)) !== undefined)
    throw new SessionEnd(refusal(421, '4.7.0', `too many sessions of ${address}, try again later`));
  let isRevoked = false;
  const revoke = (): void => {
    isRevoked = true;
    dialog.dismiss();
  };
  const kind = loginKind(context.flavour === 'lmtp' ? 'smtp' : context.flavour, origin.remoteIp ?? '');
  const session = { service: context.flavour, kind };
  const { ticket, byClearPassword, domain } = login;
  const leave =
    ticket === undefined
      ? services.sessions.enter({ ...session, account, byClearPassword, end: revoke }, looksBefore)
      : await services.sessionsElsewhere?.(domain, { ...session, ticket }, revoke);
  if (isRevoked) return authReplies.failed;
  dialog.user = { services, address, account, login: { clientBefore: client, leave } };
  dialog.client = loggedInClient(client, address);
  context.log.info(`${context.flavour}: login ${address} by ${login.mechanism} from ${client.address}`);
  return authReplies.success;
}

function notOffered(dialog: Dialog, name: string): string {
  const known = mechanismName(name);
  const isForTls = known !== undefined && sendsPassword(known) && !isSecure(dialog);
  return isForTls ? authReplies.tlsForPassword : authReplies.unknownMechanism;
}

const failures: Readonly<Record<Exclude<SaslFailure, 'put off'>, string>> = {
  wrong: authReplies.failed,
  closed: authReplies.failed,
  temporary: authReplies.trouble,
  malformed: authReplies.malformed,
  unsupported: authReplies.unknownMechanism,
  cancelled: authReplies.cancelled,
};

function failed({ why, retrySeconds = 0 }: Extract<SaslAnswer, { kind: 'failure' }>): string {
  if (why !== 'put off') return failures[why];
  return refusal(454, '4.7.0', `too many failed logins, try again in ${Math.ceil(retrySeconds)} seconds`);
}

function saslClient(dialog: Dialog): SaslClient {
  const { context, origin, tls } = dialog;
  return {
    service: context.flavour === 'lmtp' ? 'smtp' : context.flavour,
    origin,
    isSecure: isSecure(dialog),
    channelBindings: tls?.channelBindings,
  };
}
