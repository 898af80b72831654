// The rows: what is damaged, and what `vqmail check` says then. Its exit code is 1 when any line is not a warning.

import { assign, type BrokenHost, control, domain, usersCdb, vpasswd } from './broken-hosts.js';

export interface Row {
  readonly name: string;
  readonly damage: (host: BrokenHost) => void;
  /** Every line that must be printed, in any order. */
  readonly lines: readonly string[];
  /** Only root can do this damage, or owners are judged. */
  readonly asRoot?: boolean;
}

const vdelivermail = '| /home/vpopmail/bin/vdelivermail';
const list = (name: string): string => `${control}/${name}`;
const inDomain = (name: string): string => `${domain}/${name}`;

export const controlRows: readonly Row[] = [
  {
    name: 'no control directory: not a qmail host',
    damage: (host) => host.remove(control),
    lines: [
      '/var/qmail/control: is missing: no mail is taken; is this a qmail host?',
      '/var/qmail/users/assign:1: mailtest.example.jp is in neither virtualdomains nor rcpthosts, so its mail is refused; add it to both',
    ],
  },
  {
    name: 'a control directory that qmail cannot enter',
    damage: (host) => host.chmod(control, 0o700),
    lines: ["/var/qmail/control: mode 0700: qmail's programs cannot read in it; chmod 0755"],
  },
  {
    name: 'a control file that only root can read, as vadddomain leaves it for a moment',
    damage: (host) => host.chmod(list('rcpthosts'), 0o600),
    lines: [
      '/var/qmail/control/rcpthosts: mode 0600: not everybody may read it, so qmail-smtpd answers 421 and qmail-send does not start; chmod 0644',
    ],
  },
  {
    name: 'a control file that everybody can write',
    damage: (host) => host.chmod(list('virtualdomains'), 0o666),
    lines: ['/var/qmail/control/virtualdomains: warning: mode 0666: anybody on this host may change it; chmod 0644'],
  },
  {
    name: 'a control file of a stranger',
    damage: (host) => host.chown(list('me'), 7001),
    asRoot: true,
    lines: ['/var/qmail/control/me: warning: belongs to hoster; chown it to root'],
  },
  {
    name: 'a directory in place of a control file',
    damage: (host) => host.directory(list('badmailfrom')),
    lines: [
      '/var/qmail/control/badmailfrom: is no regular file; qmail-smtpd answers 421 and qmail-send does not start',
    ],
  },
  {
    name: 'a link that leads nowhere in place of rcpthosts, which is not an absent file',
    damage: (host) => {
      host.remove(list('rcpthosts'));
      host.link('/nowhere', list('rcpthosts'));
    },
    lines: ['/var/qmail/control/rcpthosts: is a link that leads nowhere; remove it or mend it'],
  },
  {
    name: 'no me',
    damage: (host) => host.remove(list('me')),
    lines: [
      "/var/qmail/control/me: is missing: qmail-send does not start, and qmail-smtpd answers 421; write this host's name into it",
    ],
  },
  {
    name: 'no rcpthosts: an open relay',
    damage: (host) => host.remove(list('rcpthosts')),
    lines: [
      '/var/qmail/control/rcpthosts: is missing, so this host relays for everybody; make it, with one line for each of your domains',
    ],
  },
  {
    name: 'percenthack with a domain of rcpthosts: an open relay',
    damage: (host) => host.write(list('percenthack'), '# old\nMailtest.example.jp\n'),
    lines: [
      '/var/qmail/control/percenthack:2: mailtest.example.jp is in rcpthosts too, so anybody can relay with user%host@mailtest.example.jp; remove it here',
    ],
  },
  {
    name: 'DOS line ends in a list',
    damage: (host) => host.write(list('rcpthosts'), 'mailtest.example.jp\r\n'),
    lines: [
      '/var/qmail/control/rcpthosts:1: has a DOS line end; the CR is part of the entry, so write the line with LF alone',
      '/var/qmail/control/virtualdomains:1: mailtest.example.jp is not in rcpthosts, so mail from outside is refused with 553; add it there',
    ],
  },
  {
    name: 'a leading blank in a map',
    damage: (host) => host.write(list('virtualdomains'), ' mailtest.example.jp:mailtest.example.jp\n'),
    lines: [
      '/var/qmail/control/virtualdomains:1: begins with a blank, which is part of the entry; remove it',
      '/var/qmail/control/rcpthosts:1: mailtest.example.jp has no line in virtualdomains, so its mail does not reach its accounts; add mailtest.example.jp:mailtest.example.jp there',
    ],
  },
  {
    name: 'a number file without a number',
    damage: (host) => host.write(list('databytes'), '# none\n'),
    lines: [
      '/var/qmail/control/databytes:1: does not begin with a digit, so the default applies; write the number alone',
    ],
  },
  {
    name: 'the lock of assign, which the owner of assign cannot open ("could not open lock file")',
    damage: (host) => host.chown(assign, 6020),
    asRoot: true,
    lines: [
      '/var/qmail/users/assign.lock: warning: vpopmail may rewrite assign but cannot open its lock, and vpopmail says "could not open lock file"; chown it to vpopmail',
    ],
  },
  {
    name: 'the lock of assign when vpopmail may write in users/',
    damage: (host) => host.chown('/var/qmail/users', 6020),
    asRoot: true,
    lines: [
      '/var/qmail/users/assign.lock: warning: vpopmail may rewrite assign but cannot open its lock, and vpopmail says "could not open lock file"; chown it to vpopmail',
    ],
  },
  {
    name: 'a lock file of a stranger',
    damage: (host) => host.chown(`${assign}.lock`, 7001),
    asRoot: true,
    lines: ['/var/qmail/users/assign.lock: warning: belongs to hoster, and assign to root; chown it to root'],
  },
  {
    name: 'a lock file without write permission',
    damage: (host) => host.chmod(`${assign}.lock`, 0o400),
    lines: [
      '/var/qmail/users/assign.lock: warning: mode 0400: its owner cannot write it, and vpopmail says "could not open lock file"; chmod 0600',
    ],
  },
  {
    name: 'a directory in place of a lock file',
    damage: (host) => {
      host.remove(list('rcpthosts.lock'));
      host.directory(list('rcpthosts.lock'));
    },
    lines: [
      '/var/qmail/control/rcpthosts.lock: warning: is no regular file, and vpopmail says "could not open lock file"; remove it',
    ],
  },
];

export const domainListRows: readonly Row[] = [
  {
    name: 'a vpopmail domain in rcpthosts without virtualdomains',
    damage: (host) => host.write(list('virtualdomains'), '# empty\n'),
    lines: [
      '/var/qmail/control/rcpthosts:1: mailtest.example.jp has no line in virtualdomains, so its mail does not reach its accounts; add mailtest.example.jp:mailtest.example.jp there',
    ],
  },
  {
    name: 'a foreign domain in rcpthosts without virtualdomains, such as a backup MX has',
    damage: (host) => host.append(list('rcpthosts'), 'elsewhere.example\n'),
    lines: [
      '/var/qmail/control/rcpthosts:2: warning: elsewhere.example is in neither virtualdomains nor locals: its mail is taken and sent on to its MX hosts; is that meant?',
    ],
  },
  {
    name: 'a domain in virtualdomains without rcpthosts',
    damage: (host) => host.write(list('rcpthosts'), 'mail.example.gr.jp\n'),
    lines: [
      '/var/qmail/control/rcpthosts:1: warning: mail.example.gr.jp is in neither virtualdomains nor locals: its mail is taken and sent on to its MX hosts; is that meant?',
      '/var/qmail/control/virtualdomains:1: mailtest.example.jp is not in rcpthosts, so mail from outside is refused with 553; add it there',
    ],
  },
  {
    name: 'a vpopmail domain in neither',
    damage: (host) => {
      host.write(list('rcpthosts'), '');
      host.write(list('virtualdomains'), '');
    },
    lines: [
      '/var/qmail/users/assign:1: mailtest.example.jp is in neither virtualdomains nor rcpthosts, so its mail is refused; add it to both',
    ],
  },
  {
    name: 'a domain in locals and virtualdomains',
    damage: (host) => host.write(list('locals'), 'localhost\nMailTest.example.jp\n'),
    lines: [
      '/var/qmail/control/locals:2: mailtest.example.jp is in virtualdomains too (line 1); locals is asked first, so its mail goes to users of this host; remove it here',
    ],
  },
  {
    name: 'a vpopmail domain in locals alone',
    damage: (host) => {
      host.write(list('locals'), 'mailtest.example.jp\n');
      host.write(list('virtualdomains'), '');
    },
    lines: [
      '/var/qmail/control/locals:1: mailtest.example.jp is a vpopmail domain (assign, line 1); as a local domain its mail goes to users of this host; remove it here',
    ],
  },
  {
    name: 'a prefix in virtualdomains that nobody serves',
    damage: (host) => {
      host.append(list('virtualdomains'), 'lost.example:lost\n');
      host.append(list('rcpthosts'), 'lost.example\n');
    },
    lines: [
      '/var/qmail/control/virtualdomains:2: nobody serves the prefix lost: no line in assign, no user, no .qmail-lost-... of alias; its mail bounces',
    ],
  },
  {
    name: 'prefixes that a user, an alias file or a catch-all of alias serves, exceptions and addresses: nothing',
    damage: (host) => {
      host.write(list('virtualdomains'), 'mailtest.example.jp:mailtest.example.jp\n');
      host.append(list('virtualdomains'), 'a.example:hoster-a\nb.example:Alias.b\nc@c.example:hoster\nd.example:\n');
      host.append(list('rcpthosts'), 'a.example\nb.example\nc.example\n.wild.example\n');
      host.append(list('virtualdomains'), 'c.example:hoster\n.wild.example:hoster\n:hoster\n');
      host.write('/var/qmail/alias/.qmail-alias:b-default', '&x@y.example\n');
    },
    lines: [],
  },
  {
    name: 'morercpthosts without its cdb',
    damage: (host) => {
      host.write(list('morercpthosts'), 'mail.example.gr.jp\n');
      host.write(list('locals'), 'mail.example.gr.jp\n');
    },
    lines: [
      '/var/qmail/control/morercpthosts.cdb: is missing, so mail for the domains in morercpthosts is refused; run qmail-newmrh',
    ],
  },
  {
    name: 'morercpthosts and its cdb that say different things',
    damage: (host) => {
      host.write(list('locals'), 'one.example\ntwo.example\n');
      host.write(list('morercpthosts'), 'One.example\n');
      host.newmrh();
      host.write(list('morercpthosts'), 'two.example\n');
    },
    lines: [
      '/var/qmail/control/morercpthosts:1: two.example is not in morercpthosts.cdb, so its mail is refused; run qmail-newmrh',
      '/var/qmail/control/morercpthosts.cdb: warning: still has one.example, which is not in morercpthosts; run qmail-newmrh',
    ],
  },
  {
    name: 'a broken morercpthosts.cdb',
    damage: (host) => host.write(list('morercpthosts.cdb'), 'no cdb'),
    lines: [
      '/var/qmail/control/morercpthosts.cdb: is corrupt (at byte 0: the file ends within the header); qmail-smtpd answers 421; run qmail-newmrh',
    ],
  },
  {
    name: 'a sound morercpthosts with its cdb: nothing',
    damage: (host) => {
      host.write(list('locals'), 'one.example\n');
      host.write(list('morercpthosts'), 'One.example\n');
      host.newmrh();
    },
    lines: [],
  },
];

export const usersRows: readonly Row[] = [
  {
    name: 'no users/cdb',
    damage: (host) => host.remove(usersCdb),
    lines: [
      '/var/qmail/users/cdb: is missing: all mail for the domains in assign is deferred (qmail bounces it); run qmail-newu',
    ],
  },
  {
    name: 'a users/cdb that is none',
    damage: (host) => host.write(usersCdb, 'nonsense'),
    lines: [
      '/var/qmail/users/cdb: is corrupt (at byte 0: table 0 points past the end); all mail for the domains in assign is deferred; run qmail-newu',
    ],
  },
  {
    name: 'a users/cdb of zeros, as a crash leaves it',
    damage: (host) => host.write(usersCdb, Buffer.alloc(2193)),
    lines: [
      '/var/qmail/users/cdb: is corrupt (at byte 0: table 0 lies within the header); all mail for the domains in assign is deferred; run qmail-newu',
    ],
  },
  {
    name: 'a users/cdb that is cut off',
    damage: (host) => host.write(usersCdb, host.read(usersCdb).subarray(0, 2100)),
    lines: [
      '/var/qmail/users/cdb: is corrupt (at byte 0: table 0 points past the end); all mail for the domains in assign is deferred; run qmail-newu',
    ],
  },
  {
    name: 'a users/cdb that only root can read',
    damage: (host) => host.chmod(usersCdb, 0o600),
    lines: [
      '/var/qmail/users/cdb: mode 0600: not everybody may read it, so no domain is found and no mail is taken; chmod 0644',
    ],
  },
  {
    name: 'assign newer than the cdb, with the same records',
    damage: (host) => host.newerThan(assign, usersCdb),
    lines: ['/var/qmail/users/assign: warning: is newer than users/cdb, which says the same; run qmail-newu'],
  },
  {
    name: 'assign newer than the cdb, with another domain and another directory',
    damage: (host) => {
      host.replace(assign, ':-::', '/x:-::');
      host.replace(assign, /^/, `+new.example-:new.example:6020:6020:${domain}:-::\n`);
      host.append(list('rcpthosts'), 'new.example\n');
      host.append(list('virtualdomains'), 'new.example:hoster\n');
      host.newerThan(assign, usersCdb);
    },
    lines: [
      '/var/qmail/users/assign:1: this assignment is not in users/cdb, so mail for it is refused; run qmail-newu',
      '/var/qmail/users/assign:2: this assignment is another one in users/cdb, which counts; run qmail-newu',
      '/var/qmail/users/assign: is newer than users/cdb and says something else; run qmail-newu',
      '/var/qmail/users/assign:2: the directory of mailtest.example.jp, /home/vpopmail/domains/mailtest.example.jp/x, is missing, so all its mail is deferred; restore it or remove the domain',
    ],
  },
  {
    name: 'a domain that is only in the cdb',
    damage: (host) => {
      host.addDomain('gone.example');
      host.replace(assign, /^.*\n/, '');
      host.newerThan(usersCdb, assign);
      host.replace(list('rcpthosts'), 'gone.example\n', '');
      host.replace(list('virtualdomains'), 'gone.example:gone.example\n', '');
    },
    lines: ['/var/qmail/users/cdb: warning: still has gone.example-, which is not in assign; run qmail-newu'],
  },
  {
    name: 'a comment in assign, which has none',
    damage: (host) => {
      host.replace(assign, /^/, '# our domains\n');
      host.newerThan(usersCdb, assign);
    },
    lines: [
      '/var/qmail/users/assign:1: an assignment needs seven colons, this line has 0 (the file has no comments); qmail-newu refuses the whole file',
    ],
  },
  {
    name: 'assign without its last dot',
    damage: (host) => {
      host.replace(assign, /^\.\n$/m, '');
      host.newerThan(usersCdb, assign);
    },
    lines: [
      '/var/qmail/users/assign:1: there is no line with a dot at the end; add one, qmail-newu refuses the file without it',
    ],
  },
  {
    name: 'no assign',
    damage: (host) => host.remove(assign),
    lines: [
      '/var/qmail/users/cdb: warning: is in force, but there is no assign to make it from; the next qmail-newu fails',
    ],
  },
  {
    name: 'uid 0 in assign',
    damage: (host) => {
      host.replace(assign, '6020:6020', '0:6020');
      host.newu();
    },
    lines: [
      '/var/qmail/users/assign:1: uid 0: qmail delivers nothing as root, so all mail for it is deferred; name the owner',
    ],
  },
  {
    name: 'a uid and a gid in assign that the host does not know',
    damage: (host) => {
      host.replace(assign, '6020:6020', '6021:6022');
      host.newu();
    },
    asRoot: true,
    lines: [
      '/var/qmail/users/assign:1: warning: the host has no user with uid 6021; is the number right?',
      '/var/qmail/users/assign:1: warning: the host has no group with gid 6022; is the number right?',
      '/home/vpopmail/domains/mailtest.example.jp: mode 0700: uid 6021 cannot enter it, so all mail for mailtest.example.jp is deferred; chown it to uid 6021',
    ],
  },
];

export const rulesRows: readonly Row[] = [
  {
    name: 'no access rules at all: nothing',
    damage: (host) => host.remove('/etc/tcp'),
    lines: [],
  },
  {
    name: 'rules without their cdb',
    damage: (host) => host.remove('/etc/tcp/smtp.cdb'),
    lines: [
      '/etc/tcp/smtp.cdb: is missing: tcpserver drops every connection, and vqmail lets everybody in without these rules; run tcprules smtp.cdb smtp.tmp < smtp',
    ],
  },
  {
    name: 'a rules cdb that is none',
    damage: (host) => host.write('/etc/tcp/smtp.cdb', ''),
    lines: [
      '/etc/tcp/smtp.cdb: is corrupt (at byte 0: the file ends within the header); tcpserver drops every connection; run tcprules smtp.cdb smtp.tmp < smtp',
    ],
  },
  {
    name: 'a rules cdb that only root can read, as tcprules under umask 077 makes it',
    damage: (host) => host.chmod('/etc/tcp/smtp.cdb', 0o600),
    lines: ['/etc/tcp/smtp.cdb: mode 0600: not everybody may read it, so tcpserver drops every connection; chmod 0644'],
  },
  {
    name: 'rules newer than their cdb, which says the same',
    damage: (host) => host.newerThan('/etc/tcp/smtp', '/etc/tcp/smtp.cdb'),
    lines: [
      '/etc/tcp/smtp: warning: is newer than smtp.cdb, which says the same; run tcprules smtp.cdb smtp.tmp < smtp',
    ],
  },
  {
    name: 'rules newer than their cdb, which says something else',
    damage: (host) => {
      host.write('/etc/tcp/smtp', '127.:allow,RELAYCLIENT=""\n10.1.:deny\n');
      host.newerThan('/etc/tcp/smtp', '/etc/tcp/smtp.cdb');
    },
    lines: [
      '/etc/tcp/smtp:1: the rule for 127. is not in force: smtp.cdb says something else; run tcprules',
      '/etc/tcp/smtp:2: the rule for 10.1. is not in force: smtp.cdb says something else; run tcprules',
      '/etc/tcp/smtp.cdb: warning: still has a rule for everybody, which is in neither smtp nor open-smtp; run tcprules',
      '/etc/tcp/smtp: is newer than smtp.cdb and says something else; run tcprules smtp.cdb smtp.tmp < smtp',
    ],
  },
  {
    name: 'a rule that tcprules refuses',
    damage: (host) => {
      host.append('/etc/tcp/smtp', '10.:allow,RELAYCLIENT=yes\n');
      host.newerThan('/etc/tcp/smtp', '/etc/tcp/smtp.cdb');
    },
    lines: [
      '/etc/tcp/smtp:3: is not ADDRESS:allow,NAME="VALUE"; tcprules refuses the whole file',
      '/etc/tcp/smtp: is newer than smtp.cdb and says something else; run tcprules smtp.cdb smtp.tmp < smtp',
    ],
  },
  {
    name: 'a line on which tcprules never ends',
    damage: (host) => {
      host.append('/etc/tcp/smtp', '10.:permit\n');
      host.newerThan('/etc/tcp/smtp', '/etc/tcp/smtp.cdb');
    },
    lines: [
      '/etc/tcp/smtp:3: has neither :allow nor :deny; tcprules refuses the whole file or never ends',
      '/etc/tcp/smtp: is newer than smtp.cdb and says something else; run tcprules smtp.cdb smtp.tmp < smtp',
    ],
  },
  {
    name: 'RELAYCLIENT for everybody',
    damage: (host) => {
      host.write('/etc/tcp/smtp', '127.:allow\n:allow,RELAYCLIENT=""\n');
      host.tcprules();
    },
    lines: ['/etc/tcp/smtp:2: RELAYCLIENT for every client: this host relays for everybody; take it out'],
  },
  {
    name: 'RELAYCLIENT for everybody with a host name',
    damage: (host) => {
      host.write('/etc/tcp/smtp', '127.:allow\n=:allow,RELAYCLIENT=""\n:deny\n');
      host.tcprules();
    },
    lines: [
      '/etc/tcp/smtp:2: RELAYCLIENT for every client with a host name: this host relays for nearly everybody; take it out',
    ],
  },
  {
    name: 'RELAYCLIENT for everybody in the cdb alone',
    damage: (host) => {
      host.write('/etc/tcp/smtp', ':allow,RELAYCLIENT=""\n');
      host.tcprules();
      host.write('/etc/tcp/smtp', '127.:allow\n');
      host.newerThan('/etc/tcp/smtp.cdb', '/etc/tcp/smtp');
    },
    lines: [
      '/etc/tcp/smtp.cdb: holds a rule without an address that sets RELAYCLIENT: this host relays for everybody; run tcprules',
      '/etc/tcp/smtp:1: the rule for 127. is not in force: smtp.cdb says something else; run tcprules',
      '/etc/tcp/smtp.cdb: warning: still has a rule for everybody, which is in neither smtp nor open-smtp; run tcprules',
    ],
  },
  {
    name: 'a login from ::1 that opened the relay',
    damage: (host) => {
      host.write('/etc/tcp/smtp', '127.:allow\n');
      host.tcprules();
      host.write('/home/vpopmail/etc/open-smtp', ':allow,RELAYCLIENT="",RBLSMTPD=""\t1700000000\n');
    },
    lines: [
      '/home/vpopmail/etc/open-smtp:1: a login from ::1 became a rule without an address, which lets everybody relay; remove it',
    ],
  },
  {
    name: 'the same behind a rule for everybody',
    damage: (host) => host.write('/home/vpopmail/etc/open-smtp', ':allow,RELAYCLIENT="",RBLSMTPD=""\t1700000000\n'),
    lines: [
      '/home/vpopmail/etc/open-smtp:1: warning: a login from ::1 became a rule without an address, which lets everybody relay; remove it (the : rule in smtp still stands before it)',
    ],
  },
  {
    name: 'broken lines in open-smtp, and rules without a last newline before them',
    damage: (host) => {
      host.replace('/etc/tcp/smtp', /\n$/, '');
      host.tcprules();
      host.write('/home/vpopmail/etc/open-smtp', '10.1.2.3:allow\nnonsense\t1700000000\n');
    },
    lines: [
      '/etc/tcp/smtp:2: does not end in a newline: tcprules joins it with the first line of open-smtp and refuses both; add one',
      '/home/vpopmail/etc/open-smtp:1: warning: has no TAB and time; clearopensmtp drops it',
      '/home/vpopmail/etc/open-smtp:2: is no rule: tcprules refuses the whole file or never ends; remove it',
    ],
  },
];

export const directoryRows: readonly Row[] = [
  {
    name: 'no domain directory',
    damage: (host) => host.remove(domain),
    lines: [
      '/var/qmail/users/assign:1: the directory of mailtest.example.jp, /home/vpopmail/domains/mailtest.example.jp, is missing, so all its mail is deferred; restore it or remove the domain',
    ],
  },
  {
    name: 'a file in place of the domain directory',
    damage: (host) => {
      host.remove(domain);
      host.write(domain, '');
    },
    lines: [
      '/var/qmail/users/assign:1: the directory of mailtest.example.jp, /home/vpopmail/domains/mailtest.example.jp, is no directory, so all its mail is deferred; restore it or remove the domain',
    ],
  },
  {
    name: 'a domain directory that others can write',
    damage: (host) => host.chmod(domain, 0o702),
    lines: [
      '/home/vpopmail/domains/mailtest.example.jp: mode 0702: writable by others, so qmail defers all mail for mailtest.example.jp; chmod o-w',
    ],
  },
  {
    name: 'a sticky domain directory',
    damage: (host) => host.chmod(domain, 0o1700),
    lines: [
      '/home/vpopmail/domains/mailtest.example.jp: mode 1700: sticky, so qmail defers all mail for mailtest.example.jp; chmod -t',
    ],
  },
  {
    name: 'a domain directory of somebody else',
    damage: (host) => host.chown(domain, 0),
    asRoot: true,
    lines: [
      '/home/vpopmail/domains/mailtest.example.jp: mode 0700: vpopmail cannot enter it, so all mail for mailtest.example.jp is deferred; chown it to vpopmail',
    ],
  },
  {
    name: 'an alias domain: its directory is looked at once',
    damage: (host) => {
      host.addDomain('alias.example');
      host.remove(inDomain('test/Maildir/tmp'));
    },
    lines: [
      '/home/vpopmail/domains/mailtest.example.jp/test/Maildir: has no tmp, so its mail is deferred; make it, with the mode and owner of the others',
    ],
  },
  {
    name: 'a lock, limits and leftovers of root in the domain directory',
    damage: (host) => {
      host.chown(inDomain('.vpasswd.lock'), 0);
      host.write(inDomain('.qmailadmin-limits'), 'disable_pop\n', 0o600);
      host.write(inDomain('vpasswd.bak.4711'), '');
      host.write(inDomain('cdb.tmp'), '');
    },
    asRoot: true,
    lines: [
      '/home/vpopmail/domains/mailtest.example.jp/.vpasswd.lock: warning: vpopmail cannot open it ("could not open lock file"); chown it to vpopmail and chmod 0600',
      '/home/vpopmail/domains/mailtest.example.jp/vpasswd.bak.4711: warning: was left by a tool that crashed, unless one runs now; remove it',
      '/home/vpopmail/domains/mailtest.example.jp/cdb.tmp: warning: was left by a tool that crashed, unless one runs now; remove it',
      '/home/vpopmail/domains/mailtest.example.jp/.qmailadmin-limits: mode 0600: vpopmail cannot read it, so logins and mail are deferred; chown it to vpopmail',
    ],
  },
  {
    name: 'changes of domains that tools did not end',
    damage: (host) => {
      const record = '/home/vpopmail/etc/.domain_change.';
      const place = ':6020:6020:/home/vpopmail/domains/';
      host.write(`${record}a.jp`, `add 30976\ndomain a.jp${place}a.jp\nmade\n`, 0o600);
      host.write(`${record}b.jp`, `alias 30977\ndomain a.jp${place}a.jp\npublish\ncut o`, 0o600);
      host.write(`${record}c.jp`, `delete 30978\ndomain c.jp${place}c.jp\n`, 0o600);
      host.write(`${record}d.jp`, 'add 309', 0o600);
    },
    lines: [
      '/home/vpopmail/etc/.domain_change.a.jp: warning: vadddomain of a.jp (process 30976) died after the step "made", so the domain may be there in part; run vadddomain a.jp again, which first finishes or undoes it',
      '/home/vpopmail/etc/.domain_change.b.jp: warning: vaddaliasdomain of b.jp (process 30977) died after the step "publish", so the domain may be there in part; run vaddaliasdomain b.jp a.jp again, which first finishes or undoes it',
      '/home/vpopmail/etc/.domain_change.c.jp: warning: vdeldomain of c.jp (process 30978) died at its beginning, so the domain may be there in part; run vdeldomain c.jp again, which first finishes or undoes it',
      '/home/vpopmail/etc/.domain_change.d.jp: warning: was left by a tool that died before it had begun; remove it, or the next vadddomain or vdeldomain does',
    ],
  },
  {
    name: 'limits that mean something else, or nothing',
    damage: (host) => host.write(inDomain('.qmailadmin-limits'), 'disable_pop 0\n disable_imap\nmaxusers 5\n'),
    lines: [
      '/home/vpopmail/domains/mailtest.example.jp/.qmailadmin-limits:1: warning: disable_pop is set by its presence, whatever follows; remove the line',
      '/home/vpopmail/domains/mailtest.example.jp/.qmailadmin-limits:2: warning: the line begins with a blank and is ignored',
      '/home/vpopmail/domains/mailtest.example.jp/.qmailadmin-limits:3: warning: "maxusers" is no limit that vpopmail knows',
    ],
  },
  {
    name: 'no .qmail-default',
    damage: (host) => host.remove(inDomain('.qmail-default')),
    lines: [
      "/home/vpopmail/domains/mailtest.example.jp/.qmail-default: is missing: no account of this domain gets mail; write `| ~vpopmail/bin/vdelivermail '' bounce-no-mailbox` into it",
    ],
  },
  {
    name: 'vdelivermail with one argument',
    damage: (host) => host.write(inDomain('.qmail-default'), `${vdelivermail} ''\n`),
    lines: [
      "/home/vpopmail/domains/mailtest.example.jp/.qmail-default:1: vdelivermail wants two arguments, so all mail is deferred; write '' and what happens to unknown users",
    ],
  },
  {
    name: 'vdelivermail with a word that it does not know',
    damage: (host) => host.write(inDomain('.qmail-default'), `${vdelivermail} '' bounce\n`),
    lines: [
      '/home/vpopmail/domains/mailtest.example.jp/.qmail-default:1: warning: bounce is no word of vdelivermail and is taken for a local address; is it meant?',
    ],
  },
  {
    name: 'vdelivermail with a forward for all: nothing',
    damage: (host) => host.write(inDomain('.qmail-default'), `${vdelivermail} '' "$EXT@other.example"\n`),
    lines: [],
  },
  {
    name: '.qmail files that qmail defers mail for',
    damage: (host) => {
      host.write(inDomain('.qmail-writable'), '&a@b.example\n');
      host.chmod(inDomain('.qmail-writable'), 0o602);
      host.write(inDomain('.qmail-blank'), '\n&a@b.example\n');
      host.write(inDomain('.qmail-x'), '&a@b.example\n./Maildir/\n', 0o744);
      host.write(inDomain('.qmail-list'), '+list\n|cat\n');
      host.directory(inDomain('Maildir/tmp'));
      host.directory(inDomain('Maildir/new'));
      host.directory(inDomain('Maildir/cur'));
      for (const name of ['', '/tmp', '/new', '/cur']) host.chmod(inDomain(`Maildir${name}`), 0o777);
    },
    lines: [
      '/home/vpopmail/domains/mailtest.example.jp/.qmail-list:2: only forwarding is allowed by +list above it, so qmail defers all mail for this file',
      '/home/vpopmail/domains/mailtest.example.jp/.qmail-writable: mode 0602: writable by others, so qmail defers all mail for it; chmod o-w',
      '/home/vpopmail/domains/mailtest.example.jp/.qmail-x:2: only forwarding is allowed by the x bit of the file (chmod u-x), so qmail defers all mail for this file',
      '/home/vpopmail/domains/mailtest.example.jp/.qmail-blank:1: the first line is blank, so qmail defers all mail for this file; remove it',
    ],
  },
  {
    name: 'a .qmail file that the domain owner cannot read',
    damage: (host) => host.write(inDomain('.qmail-info'), '&a@b.example\n', 0o600),
    asRoot: true,
    lines: [
      '/home/vpopmail/domains/mailtest.example.jp/.qmail-info: mode 0600: vpopmail cannot read it, so qmail defers all mail for it; chown it to vpopmail',
    ],
  },
  {
    name: '.qmail files that qmail never finds or passes over',
    damage: (host) => {
      host.write(inDomain('.qmail-John'), '&a@b.example\n');
      host.write(inDomain('.qmail-j.doe'), '&a@b.example\n');
      host.directory(inDomain('.qmail-directory'));
      host.link('nowhere', inDomain('.qmail-dangling'));
    },
    lines: [
      '/home/vpopmail/domains/mailtest.example.jp/.qmail-j.doe: warning: is never read: qmail looks for names in lower case with : for each dot; rename it',
      '/home/vpopmail/domains/mailtest.example.jp/.qmail-dangling: warning: is a link that leads nowhere, and is passed over; remove it',
      '/home/vpopmail/domains/mailtest.example.jp/.qmail-John: warning: is never read: qmail looks for names in lower case with : for each dot; rename it',
      '/home/vpopmail/domains/mailtest.example.jp/.qmail-directory: warning: is no regular file, and is passed over; remove it',
    ],
  },
  {
    name: '.qmail lines that say something else than they seem to',
    damage: (host) => {
      host.write(inDomain('.qmail-dos'), '&a@b.example\r\n');
      host.write(inDomain('.qmail-address'), '<a@b.example>\n& c@d.example\n e@f.example\n+other\n');
      host.write(inDomain('.qmail-empty'), '');
      host.write(inDomain('.qmail-mbox'), './test\n');
    },
    lines: [
      '/home/vpopmail/domains/mailtest.example.jp/.qmail-address:1: the brackets are part of the address; write it without them',
      '/home/vpopmail/domains/mailtest.example.jp/.qmail-address:2: the address begins with a blank, which is part of it; remove it',
      '/home/vpopmail/domains/mailtest.example.jp/.qmail-address:3: the address begins with a blank, which is part of it; remove it',
      '/home/vpopmail/domains/mailtest.example.jp/.qmail-address:4: warning: a line with + that is not +list is ignored',
      '/home/vpopmail/domains/mailtest.example.jp/.qmail-mbox:1: ./test is a directory, and without a slash at the end it is taken for an mbox; add one',
      '/home/vpopmail/domains/mailtest.example.jp/.qmail-dos:1: has a DOS line end, and the CR counts; write the line with LF alone',
      '/home/vpopmail/domains/mailtest.example.jp/.qmail-empty: warning: is empty: mail goes to the default delivery, not to an account; write where it is to go',
    ],
  },
  {
    name: '.qmail lines that name a Maildir that is not there, or not whole',
    damage: (host) => {
      host.write(inDomain('.qmail-gone'), './gone/Maildir/\n');
      host.write(inDomain('.qmail-half'), `${domain}/half/\n`);
      host.directory(inDomain('half/new'));
      if (process.getuid?.() === 0) host.chown(inDomain('half/new'), 6020);
    },
    lines: [
      '/home/vpopmail/domains/mailtest.example.jp/.qmail-gone:1: the Maildir /home/vpopmail/domains/mailtest.example.jp/gone/Maildir is missing, so its mail is deferred; make it with tmp, new and cur',
      '/home/vpopmail/domains/mailtest.example.jp/half: has no tmp, so its mail is deferred; make it, with the mode and owner of the others',
      '/home/vpopmail/domains/mailtest.example.jp/half: has no cur, so its mail is deferred; make it, with the mode and owner of the others',
    ],
  },
];

export const accountRows: readonly Row[] = [
  {
    name: 'neither vpasswd nor its cdb',
    damage: (host) => {
      host.remove(vpasswd);
      host.remove(`${vpasswd}.cdb`);
    },
    lines: [
      '/home/vpopmail/domains/mailtest.example.jp/vpasswd: neither vpasswd nor vpasswd.cdb is there: all mail for mailtest.example.jp is deferred; restore it',
    ],
  },
  {
    name: 'no vpasswd',
    damage: (host) => host.remove(vpasswd),
    lines: [
      '/home/vpopmail/domains/mailtest.example.jp/vpasswd: is missing: the next change of an account makes all others disappear; restore it from vpasswd.cdb',
    ],
  },
  {
    name: 'no vpasswd.cdb',
    damage: (host) => host.remove(`${vpasswd}.cdb`),
    lines: [
      '/home/vpopmail/domains/mailtest.example.jp/vpasswd.cdb: warning: is missing; it is made at the next look-up, or run vmkpasswd mailtest.example.jp',
    ],
  },
  {
    name: 'a vpasswd.cdb that is none',
    damage: (host) => host.write(`${vpasswd}.cdb`, 'garbage---'),
    lines: [
      '/home/vpopmail/domains/mailtest.example.jp/vpasswd.cdb: is corrupt (at byte 0: table 0 points past the end); all mail for mailtest.example.jp is deferred; run vmkpasswd mailtest.example.jp',
    ],
  },
  {
    name: 'a vpasswd.cdb whose header was never written',
    damage: (host) => host.write(`${vpasswd}.cdb`, Buffer.alloc(2616)),
    lines: [
      '/home/vpopmail/domains/mailtest.example.jp/vpasswd.cdb: is corrupt (at byte 0: table 0 lies within the header); all mail for mailtest.example.jp is deferred; run vmkpasswd mailtest.example.jp',
    ],
  },
  {
    name: 'a vpasswd.cdb that the domain owner cannot read',
    damage: (host) => host.chown(`${vpasswd}.cdb`, 0),
    asRoot: true,
    lines: [
      '/home/vpopmail/domains/mailtest.example.jp/vpasswd.cdb: mode 0600: vpopmail cannot read it, so all mail is deferred; chown it to vpopmail',
    ],
  },
  {
    name: 'a vpasswd that was touched',
    damage: (host) => host.newerThan(vpasswd, `${vpasswd}.cdb`),
    lines: [
      '/home/vpopmail/domains/mailtest.example.jp/vpasswd: warning: is newer than vpasswd.cdb, which says the same; run vmkpasswd mailtest.example.jp',
    ],
  },
  {
    name: 'a vpasswd that was edited by hand: an account more, one less, one changed',
    damage: (host) => {
      host.replace(vpasswd, /^hanako:.*\n/m, '');
      host.replace(vpasswd, /^taro:[^:]*:/m, 'taro:other:');
      host.append(vpasswd, `zoe:x:1:0:zoe:${domain}/test:NOQUOTA:x\n`);
      host.newerThan(vpasswd, `${vpasswd}.cdb`);
    },
    lines: [
      '/home/vpopmail/domains/mailtest.example.jp/vpasswd:2: taro is another one in vpasswd.cdb, which counts; run vmkpasswd mailtest.example.jp',
      '/home/vpopmail/domains/mailtest.example.jp/vpasswd:4: zoe is not in vpasswd.cdb, so its mail and logins are refused; run vmkpasswd mailtest.example.jp',
      '/home/vpopmail/domains/mailtest.example.jp/vpasswd.cdb: still has hanako, which is not in vpasswd and goes on getting mail; run vmkpasswd mailtest.example.jp',
      '/home/vpopmail/domains/mailtest.example.jp/vpasswd: is newer than vpasswd.cdb and says something else; run vmkpasswd mailtest.example.jp',
    ],
  },
  {
    name: 'broken lines in vpasswd',
    damage: (host) => {
      host.append(vpasswd, `\n# comment\nshort:x:1:0\nUpper:x:1:0::${domain}/test:NOQUOTA:\n`);
      host.vmkpasswd();
    },
    lines: [
      "/home/vpopmail/domains/mailtest.example.jp/vpasswd:5: a blank line is no account; it is kept, and vpopmail's own tools may crash on it",
      "/home/vpopmail/domains/mailtest.example.jp/vpasswd:6: the line has no colon and is no account; it is kept, and vpopmail's own tools may crash on it",
      "/home/vpopmail/domains/mailtest.example.jp/vpasswd:7: an account needs seven fields, this line has 4; it is kept, and vpopmail's own tools may crash on it",
      '/home/vpopmail/domains/mailtest.example.jp/vpasswd:8: the name has capital letters and is never found; write it in lower case',
    ],
  },
  {
    name: 'a vpasswd without its last newline',
    damage: (host) => {
      host.replace(vpasswd, /\n$/, '');
      host.vmkpasswd();
    },
    lines: [
      "/home/vpopmail/domains/mailtest.example.jp/vpasswd:4: the last line has no line feed: vpopmail's tools leave this account out of vpasswd.cdb",
      '/home/vpopmail/domains/mailtest.example.jp/vpasswd:4: test is not in vpasswd.cdb, so its mail and logins are refused; run vmkpasswd mailtest.example.jp',
    ],
  },
  {
    name: 'an account that is there twice, and one of a DOS line',
    damage: (host) => {
      host.append(vpasswd, `zoe:x:1:0:zoe:${domain}/test:NOQUOTA:x\r\nzoe:y:1:0:zoe:${domain}/test:NOQUOTA:y\n`);
      host.vmkpasswd();
    },
    lines: [
      '/home/vpopmail/domains/mailtest.example.jp/vpasswd:5: warning: the line ends in CR LF (DOS); write LF alone',
      '/home/vpopmail/domains/mailtest.example.jp/vpasswd:6: warning: the account stands in line 5 already, which counts',
    ],
  },
  {
    name: 'an account whose pw_dir is missing',
    damage: (host) => host.remove(inDomain('taro')),
    lines: [
      '/home/vpopmail/domains/mailtest.example.jp/vpasswd:3: warning: the directory of taro, /home/vpopmail/domains/mailtest.example.jp/taro, is missing; it is made anew at the next mail: is the old one lost or not mounted?',
    ],
  },
  {
    name: 'an account without a directory',
    damage: (host) => {
      host.replace(vpasswd, `${domain}/taro`, '');
      host.vmkpasswd();
    },
    lines: [
      '/home/vpopmail/domains/mailtest.example.jp/vpasswd:3: the home directory is not an absolute path',
      '/home/vpopmail/domains/mailtest.example.jp/vpasswd:3: warning: taro has no directory; vpopmail makes one at the next mail or login',
    ],
  },
  {
    name: 'an account without a Maildir',
    damage: (host) => host.remove(inDomain('taro/Maildir')),
    lines: [
      '/home/vpopmail/domains/mailtest.example.jp/vpasswd:3: the Maildir /home/vpopmail/domains/mailtest.example.jp/taro/Maildir is missing, so its mail is deferred; make it with tmp, new and cur',
    ],
  },
  {
    name: 'a Maildir without tmp, new or cur',
    damage: (host) => {
      host.remove(inDomain('taro/Maildir/tmp'));
      host.remove(inDomain('test/Maildir/new'));
      host.write(inDomain('test/Maildir/new'), '');
      host.remove(inDomain('hanako/Maildir/cur'));
    },
    lines: [
      '/home/vpopmail/domains/mailtest.example.jp/hanako/Maildir: has no cur, so its mail is deferred; make it, with the mode and owner of the others',
      '/home/vpopmail/domains/mailtest.example.jp/taro/Maildir: has no tmp, so its mail is deferred; make it, with the mode and owner of the others',
      '/home/vpopmail/domains/mailtest.example.jp/test/Maildir/new: is no directory, so the mail of this Maildir is deferred',
    ],
  },
  {
    name: 'a Maildir of root',
    damage: (host) => host.chown(inDomain('taro/Maildir/tmp'), 0),
    asRoot: true,
    lines: [
      '/home/vpopmail/domains/mailtest.example.jp/taro/Maildir/tmp: mode 0700, uid 0: uid 6020 cannot write there, so its mail is deferred; chown it',
    ],
  },
  {
    name: 'a .qmail of an account that vdelivermail cannot follow, or not as it seems',
    damage: (host) => {
      host.write(inDomain('taro/.qmail'), './Mailbox\n\n&a@b.example\r\n');
      host.write(inDomain('test/.qmail'), '/home/vpopmail/elsewhere/\n./Maildir/\n');
      host.directory(inDomain('hanako/.qmail'));
    },
    lines: [
      '/home/vpopmail/domains/mailtest.example.jp/hanako/.qmail: warning: cannot be read by vdelivermail and is passed over: mail goes to the Maildir',
      '/home/vpopmail/domains/mailtest.example.jp/taro/.qmail:1: vdelivermail cannot deliver to an mbox and defers the mail for ever; end the line in a slash, without blanks behind it, for a Maildir',
      '/home/vpopmail/domains/mailtest.example.jp/taro/.qmail:2: a blank line is taken for an empty address; remove it',
      '/home/vpopmail/domains/mailtest.example.jp/taro/.qmail:3: has a DOS line end, and the CR counts; write the line with LF alone',
      '/home/vpopmail/domains/mailtest.example.jp/test/.qmail:1: the Maildir /home/vpopmail/elsewhere is missing, so its mail is deferred; make it with tmp, new and cur',
    ],
  },
];
