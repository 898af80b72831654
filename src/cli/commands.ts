// Every command of `vqmail NAME ...` by name: what it is for, and how it is loaded. A tool loads nothing but itself, since scripts call tools in loops: this
// list imports nothing but types.

import type { ToolIo } from './tool-io.js';

/** A tool: its arguments and its world in, its exit code out. */
export type Tool = (args: string[], io: ToolIo) => number | Promise<number>;

const asOriginal = 'as the original';

export interface Command {
  /** For the usage text. */
  readonly about: string;
  readonly load: () => Promise<Tool>;
}

/** Each command by its full name. */
export const commands: Readonly<Record<string, Command>> = {
  serve: { about: 'serve the host: SMTP in, Maildirs, POP3', load: async () => (await import('./serve.js')).serve },
  demo: {
    about: 'serve a sample host without root and say what to try',
    load: async () => (await import('./demo.js')).demo,
  },
  check: { about: 'list every problem of the install', load: async () => (await import('./check.js')).check },
  route: {
    about: 'ADDRESS: what would happen to a message, and why',
    load: async () => (await import('./route.js')).route,
  },
  cert: {
    about: 'self-signed|show|check: the certificates of TLS',
    load: async () => (await import('./cert.js')).cert,
  },
  auth: {
    about: 'status|forget|audit: logins, guessing, how passwords are kept',
    load: async () => (await import('./auth/auth.js')).auth,
  },
  cdb: { about: 'dump|get|make: the cdb files', load: async () => (await import('./cdb.js')).cdb },
  tcprules: { about: asOriginal, load: async () => (await import('./tcprules.js')).tcprules },
  tcprulescheck: { about: asOriginal, load: async () => (await import('./tcprulescheck.js')).tcprulescheck },
  'qmail-newu': {
    about: `users/assign -> users/cdb, ${asOriginal}`,
    load: async () => (await import('./qmail-newu.js')).qmailNewu,
  },
  'qmail-newmrh': {
    about: `morercpthosts -> its cdb, ${asOriginal}`,
    load: async () => (await import('./qmail-newmrh.js')).qmailNewmrh,
  },
  'qmail-local': {
    about: `one local delivery by a .qmail file, ${asOriginal}`,
    load: async () => (await import('./queue/qmail-local.js')).qmailLocalTool,
  },
  'qmail-inject': {
    about: `queues the message on standard input, ${asOriginal}`,
    load: async () => (await import('./queue/qmail-inject.js')).qmailInject,
  },
  sendmail: {
    about: `queues the message on standard input, ${asOriginal}`,
    load: async () => (await import('./queue/sendmail.js')).sendmail,
  },
  'qmail-queue': {
    about: `queues what it is given on descriptors 0 and 1, ${asOriginal}`,
    load: async () => (await import('./queue/qmail-queue.js')).qmailQueue,
  },
  'qmail-qmqpc': {
    about: `hands it to a queue host, ${asOriginal}`,
    load: async () => (await import('./queue/qmail-qmqpc.js')).qmailQmqpc,
  },
  'qmail-smtpd': {
    about: `one SMTP session on descriptors 0 and 1, ${asOriginal}`,
    load: async () => (await import('./queue/qmail-smtpd.js')).qmailSmtpd,
  },
  'qmail-qread': {
    about: `lists the queue, ${asOriginal}`,
    load: async () => (await import('./queue/qmail-qread.js')).qmailQread,
  },
  'qmail-qstat': {
    about: `counts the messages in the queue, ${asOriginal}`,
    load: async () => (await import('./queue/qmail-qstat.js')).qmailQstat,
  },
  'qmail-tcpto': {
    about: `lists addresses that do not answer, ${asOriginal}`,
    load: async () => (await import('./queue/qmail-tcpto.js')).qmailTcpto,
  },
  'qmail-tcpok': {
    about: `forgets that they do not, ${asOriginal}`,
    load: async () => (await import('./queue/qmail-tcpto.js')).qmailTcpok,
  },
  'qmail-showctl': {
    about: `says what the control files say, ${asOriginal}`,
    load: async () => (await import('./queue/qmail-showctl.js')).qmailShowctl,
  },
  queue: {
    about: 'list|show|retry|hold|release|drop|bounce: the queue',
    load: async () => (await import('./queue/queue.js')).queue,
  },
  forward: {
    about: `sends a message on, ${asOriginal}`,
    load: async () => (await import('./filters/forward.js')).forward,
  },
  condredirect: {
    about: `sends a message on if a program says so, ${asOriginal}`,
    load: async () => (await import('./filters/condredirect.js')).condredirect,
  },
  bouncesaying: {
    about: `refuses a message if a program says so, ${asOriginal}`,
    load: async () => (await import('./filters/bouncesaying.js')).bouncesaying,
  },
  except: {
    about: `turns a program's answer round, ${asOriginal}`,
    load: async () => (await import('./filters/except.js')).except,
  },
  preline: {
    about: `gives a program a message with more lines above, ${asOriginal}`,
    load: async () => (await import('./filters/preline.js')).preline,
  },
  qreceipt: {
    about: `answers that a message was delivered, ${asOriginal}`,
    load: async () => (await import('./filters/qreceipt.js')).qreceipt,
  },
  maildirmake: {
    about: `makes a Maildir, ${asOriginal}`,
    load: async () => (await import('./filters/maildirmake.js')).maildirmake,
  },
  mailq: { about: `lists the queue, ${asOriginal}`, load: async () => (await import('./queue/sendmail.js')).mailq },
  newaliases: {
    about: `is refused, ${asOriginal}`,
    load: async () => (await import('./queue/sendmail.js')).newaliases,
  },
  vadddomain: {
    about: `adds a domain, ${asOriginal}`,
    load: async () => (await import('./domains/vadddomain.js')).vadddomain,
  },
  vdeldomain: {
    about: `removes a domain, ${asOriginal}`,
    load: async () => (await import('./domains/vdeldomain.js')).vdeldomain,
  },
  vaddaliasdomain: {
    about: `adds an alias domain, ${asOriginal}`,
    load: async () => (await import('./domains/vaddaliasdomain.js')).vaddaliasdomain,
  },
  vdominfo: {
    about: `shows domains, ${asOriginal}`,
    load: async () => (await import('./domains/vdominfo.js')).vdominfo,
  },
  vmoddomlimits: {
    about: `shows and sets the limits of a domain, ${asOriginal}`,
    load: async () => (await import('./domains/vmoddomlimits.js')).vmoddomlimits,
  },
  vipmap: {
    about: `which domain belongs to a local address, ${asOriginal}`,
    load: async () => (await import('./domains/vipmap.js')).vipmap,
  },
  vadduser: {
    about: `adds an account, ${asOriginal}`,
    load: async () => (await import('./users/vadduser.js')).vadduser,
  },
  vdeluser: {
    about: `removes an account, ${asOriginal}`,
    load: async () => (await import('./users/vdeluser.js')).vdeluser,
  },
  vpasswd: {
    about: `sets a password, ${asOriginal}`,
    load: async () => (await import('./users/vpasswd.js')).vpasswd,
  },
  vchangepw: {
    about: `lets people set their own password, ${asOriginal}`,
    load: async () => (await import('./users/vchangepw.js')).vchangepw,
  },
  vmoduser: {
    about: `changes an account or all of a domain, ${asOriginal}`,
    load: async () => (await import('./users/vmoduser.js')).vmoduser,
  },
  vsetuserquota: {
    about: `sets the quota of an account or a domain, ${asOriginal}`,
    load: async () => (await import('./users/vsetuserquota.js')).vsetuserquota,
  },
  vuserinfo: {
    about: `shows accounts, ${asOriginal}`,
    load: async () => (await import('./users/vuserinfo.js')).vuserinfo,
  },
  vmkpasswd: {
    about: `vpasswd -> vpasswd.cdb, ${asOriginal}`,
    load: async () => (await import('./users/vmkpasswd.js')).vmkpasswd,
  },
  vdeloldusers: {
    about: `removes accounts that nobody used, ${asOriginal}`,
    load: async () => (await import('./users/vdeloldusers.js')).vdeloldusers,
  },
  vconvert: {
    about: `converts user databases, ${asOriginal}`,
    load: async () => (await import('./users/vconvert.js')).vconvert,
  },
  valias: {
    about: `shows and sets aliases, ${asOriginal}`,
    load: async () => (await import('./mailing/valias.js')).valias,
  },
  vdelivermail: {
    about: `the program of .qmail-default, ${asOriginal}`,
    load: async () => (await import('./mailing/vdelivermail.js')).vdelivermail,
  },
  vrcptcheck: {
    about: `whether a recipient exists, ${asOriginal}`,
    load: async () => (await import('./mailing/vrcptcheck.js')).vrcptcheck,
  },
  vmakedotqmail: {
    about: `makes .qmail files, ${asOriginal}`,
    load: async () => (await import('./mailing/vmakedotqmail.js')).vmakedotqmail,
  },
  dotqmail2valias: {
    about: `.qmail files -> aliases, ${asOriginal}`,
    load: async () => (await import('./mailing/dotqmail2valias.js')).dotqmail2valias,
  },
  vlist: {
    about: `mailing lists of ezmlm, ${asOriginal}`,
    load: async () => (await import('./mailing/vlist.js')).vlist,
  },
  vpopbull: {
    about: `a message for everybody, ${asOriginal}`,
    load: async () => (await import('./mailing/vpopbull.js')).vpopbull,
  },
  vchkpw: {
    about: `checkpassword interface, ${asOriginal}`,
    load: async () => (await import('./login/vchkpw.js')).vchkpw,
  },
  checkpassword: {
    about: 'SOCKET PROGRAM: checkpassword interface that asks a running vqmail, for Dovecot',
    load: async () => (await import('./login/checkpassword.js')).checkpassword,
  },
  clearopensmtp: {
    about: `ends relaying of those who logged in long ago, ${asOriginal}`,
    load: async () => (await import('./login/clearopensmtp.js')).clearopensmtp,
  },
  vkill: {
    about: `ends processes by name, ${asOriginal}`,
    load: async () => (await import('./login/vkill.js')).vkill,
  },
  'qmail-pw2u': {
    about: `passwd -> users/assign lines, ${asOriginal}`,
    load: async () => (await import('./qmail-pw2u.js')).qmailPw2u,
  },
  'qmail-getpw': {
    about: `which system user an address belongs to, ${asOriginal}`,
    load: async () => (await import('./qmail-getpw.js')).qmailGetpw,
  },
  'qmail-remote': {
    about: `sends the message on standard input, ${asOriginal}`,
    load: async () => (await import('./queue/qmail-remote.js')).qmailRemote,
  },
  'install-tools': {
    about: `--into DIR: makes links with the names of the original tools`,
    load: async () => (await import('./install-tools.js')).installTools,
  },
  watch: {
    about: `prints what changes on the host, live`,
    load: async () => (await import('./watch.js')).watch,
  },
  migrate: {
    about: 'preflight: moving a host to this server, step by step',
    load: async () => (await import('../../migrate/command.js')).migrate,
  },
  'postfix-maps': {
    about: `--into DIR: writes Postfix's maps, and keeps them current`,
    load: async () => (await import('./postfix-maps.js')).postfixMaps,
  },
};

/** Names that may stand for a command's. */
export const shortNames: Readonly<Record<string, string>> = {
  newu: 'qmail-newu',
  newmrh: 'qmail-newmrh',
  inject: 'qmail-inject',
};

/** Whether a command takes exactly the arguments of an original tool, so that no word behind its name is an option of ours. */
export function isAsOriginal({ about }: Command): boolean {
  return about.includes(asOriginal);
}
