// Every tool by name: the originals' under their names, and checkpassword, which is called as often. They are grouped by the folders in which they are; the build makes one file of each
// folder (cli/vqmail.ts).

import type { RunCommand } from './program.js';

const asOriginal = 'as the original';

/** What each tool is for, for the usage text: by folder, by its full name. */
export const toolFolders = {
  users: {
    vadduser: `adds an account, ${asOriginal}`,
    vdeluser: `removes an account, ${asOriginal}`,
    vpasswd: `sets a password, ${asOriginal}`,
    vchangepw: `lets people set their own password, ${asOriginal}`,
    vmoduser: `changes an account or all of a domain, ${asOriginal}`,
    vsetuserquota: `sets the quota of an account or a domain, ${asOriginal}`,
    vuserinfo: `shows accounts, ${asOriginal}`,
    vmkpasswd: `vpasswd -> vpasswd.cdb, ${asOriginal}`,
    vdeloldusers: `removes accounts that nobody used, ${asOriginal}`,
    vconvert: `converts user databases, ${asOriginal}`,
  },
  domains: {
    vadddomain: `adds a domain, ${asOriginal}`,
    vdeldomain: `removes a domain, ${asOriginal}`,
    vaddaliasdomain: `adds an alias domain, ${asOriginal}`,
    vdominfo: `shows domains, ${asOriginal}`,
    vmoddomlimits: `shows and sets the limits of a domain, ${asOriginal}`,
    vipmap: `which domain belongs to a local address, ${asOriginal}`,
  },
  mailing: {
    valias: `shows and sets aliases, ${asOriginal}`,
    vdelivermail: `the program of .qmail-default, ${asOriginal}`,
    vrcptcheck: `whether a recipient exists, ${asOriginal}`,
    vmakedotqmail: `makes .qmail files, ${asOriginal}`,
    dotqmail2valias: `.qmail files -> aliases, ${asOriginal}`,
    vlist: `mailing lists of ezmlm, ${asOriginal}`,
    vpopbull: `a message for everybody, ${asOriginal}`,
  },
  login: {
    vchkpw: `checkpassword interface, ${asOriginal}`,
    checkpassword: 'SOCKET PROGRAM: checkpassword interface that asks a running vqmail, for Dovecot',
    clearopensmtp: `ends relaying of those who logged in long ago, ${asOriginal}`,
    vkill: `ends processes by name, ${asOriginal}`,
  },
  queue: {
    'qmail-local': `one local delivery by a .qmail file, ${asOriginal}`,
    'qmail-inject': `queues the message on standard input, ${asOriginal}`,
    sendmail: `queues the message on standard input, ${asOriginal}`,
    'qmail-queue': `queues what it is given on descriptors 0 and 1, ${asOriginal}`,
    'qmail-qmqpc': `hands it to a queue host, ${asOriginal}`,
    'qmail-smtpd': `one SMTP session on descriptors 0 and 1, ${asOriginal}`,
    'qmail-qread': `lists the queue, ${asOriginal}`,
    'qmail-qstat': `counts the messages in the queue, ${asOriginal}`,
    'qmail-tcpto': `lists addresses that do not answer, ${asOriginal}`,
    'qmail-tcpok': `forgets that they do not, ${asOriginal}`,
    'qmail-showctl': `says what the control files say, ${asOriginal}`,
    mailq: `lists the queue, ${asOriginal}`,
    newaliases: `is refused, ${asOriginal}`,
    'qmail-remote': `sends the message on standard input, ${asOriginal}`,
  },
  filters: {
    forward: `sends a message on, ${asOriginal}`,
    condredirect: `sends a message on if a program says so, ${asOriginal}`,
    bouncesaying: `refuses a message if a program says so, ${asOriginal}`,
    except: `turns a program's answer round, ${asOriginal}`,
    preline: `gives a program a message with more lines above, ${asOriginal}`,
    qreceipt: `answers that a message was delivered, ${asOriginal}`,
    maildirmake: `makes a Maildir, ${asOriginal}`,
  },
  databases: {
    tcprules: asOriginal,
    tcprulescheck: asOriginal,
    'qmail-newu': `users/assign -> users/cdb, ${asOriginal}`,
    'qmail-newmrh': `morercpthosts -> its cdb, ${asOriginal}`,
    'qmail-pw2u': `passwd -> users/assign lines, ${asOriginal}`,
    'qmail-getpw': `which system user an address belongs to, ${asOriginal}`,
  },
} as const;

export type ToolFolder = keyof typeof toolFolders;

/** The tools of one folder, as its own tools.ts lists them: how each is loaded, which loads nothing but itself. */
export type ToolsOf<Folder extends ToolFolder> = Readonly<
  Record<keyof (typeof toolFolders)[Folder], () => Promise<RunCommand>>
>;

/** Names that may stand for a tool's. */
export const shortNames: Readonly<Record<string, string>> = {
  newu: 'qmail-newu',
  newmrh: 'qmail-newmrh',
  inject: 'qmail-inject',
};

/** The folder of a tool; undefined for a name that is no tool's. */
export function folderOf(name: string): ToolFolder | undefined {
  const folders = Object.keys(toolFolders) as ToolFolder[];
  return folders.find((folder) => Object.hasOwn(toolFolders[folder], name));
}
