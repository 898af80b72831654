// What our tools do otherwise than the recorded originals, on purpose: one list, each entry with its reason, most of them in the design's words. A difference that is not
// here fails the replay, and so does an entry that no longer differs.

/** A step that ours refuses: RECORDING, STEP (counted from 1), exit status, and what it says on both outputs. The tree stays as it is. */
export type RefusedStep = readonly [recording: string, step: number, exit: number, says: string | RegExp];

/** One reason and where it shows. */
export interface DeliberateDifference {
  readonly why: string;
  /** `RECORDING STEP WHAT`, WHAT as replay.ts names it: that differs, and nothing else of the step does. With `*` at the end: all that begin so. */
  readonly at?: readonly string[];
  readonly refused?: readonly RefusedStep[];
}

const domains = '/home/vpopmail/domains';
const example = `${domains}/example.jp`;
const accounts = (recording: string, step: number): string => `${recording} ${step} ${example}/vpasswd*`;

export const deliberateDifferences: readonly DeliberateDifference[] = [
  {
    why: 'a look-up that fails (a corrupt cdb, no user database) is a failure for now; the original says that nobody is there',
    refused: [
      ...[2, 5, 8, 11, 14].map((step): RefusedStep => ['cdb-corrupt', step, 111, /^vchkpw: .*vpasswd\.cdb at byte /]),
      ...[3, 6, 9, 12, 15].map(
        (step): RefusedStep => ['cdb-corrupt', step, 111, /^vuserinfo: .*vpasswd\.cdb at byte /],
      ),
      ['cdb-missing', 21, 111, /^vchkpw: temporary trouble with the user database of this domain: /],
      ['cdb-missing', 22, 111, /^vuserinfo: temporary trouble with the user database of this domain: /],
    ],
  },
  {
    why: 'the same for a user database that this uid may not read',
    refused: [5, 6, 7, 8, 9, 10].map(
      (step): RefusedStep => ['login-owners', step, 111, /^vchkpw: temporary trouble .*EACCES/],
    ),
  },
  {
    why: 'a change goes by vpasswd, the source, where vpasswd.cdb is corrupt, stale or missing, and mends it; where vpasswd is missing it is made from the cdb, not emptied',
    at: [
      'cdb-corrupt 16 exit status',
      'cdb-corrupt 16 stdout',
      accounts('cdb-corrupt', 16),
      accounts('cdb-missing', 16),
      'vpasswd-lines-without-colon 16 exit status',
      'vpasswd-lines-without-colon 16 stdout',
      accounts('vpasswd-lines-without-colon', 16),
      `vpasswd-lines-without-colon 16 ${example}/cdb.tmp`,
      'cdb-stale 10 *',
    ],
  },
  {
    why: 'a broken, blank or comment line in vpasswd is kept and reported with its number, and the rest is served; the original ends the listing there',
    at: [
      'vpasswd-lines-without-colon 5 stdout',
      'vpasswd-lines-without-colon 5 stderr',
      'vpasswd-lines-without-colon 9 stdout',
      'vpasswd-lines-without-colon 9 stderr',
      'vpasswd-lines-without-colon 15 stdout',
      'vpasswd-odd-lines 11 stdout',
      'vpasswd-odd-lines 11 stderr',
      'adduser-options 32 stdout',
      'adduser-options 32 stderr',
    ],
  },
  {
    why: 'an account whose line has lost its end is an account: writing ends the line, and it is in the cdb',
    at: [accounts('vpasswd-odd-lines', 23), accounts('vpasswd-odd-lines', 25)],
  },
  {
    why: 'an account without a directory has no lastauth; the original looks at /lastauth, which an earlier scenario had left',
    at: ['vpasswd-odd-lines 5 stdout'],
  },
  {
    why: 'names that leave their directory, a line feed in a comment: refused before anything is written',
    refused: [
      ['adduser-names', 9, 255, 'Error: Illegal username\n'],
      ['adduser-names', 16, 255, 'Error: Illegal username\n'],
      ['adduser-options', 7, 236, 'Error: bad character\n'],
    ],
  },
  {
    why: 'a change that fails half-way is undone: no account without the quota that was asked for, no domain without postmaster',
    refused: [
      ['adduser-quota', 19, 255, 'Error in vsetuserquota()\n'],
      ['adddomain-password', 14, 229, 'Error: (vadduser) password too long\n'],
      [
        'as-vpopmail-user',
        8,
        239,
        /^Error: Could not update file\ncould not open lock file \/var\/qmail\/control\/rcpthosts\.lock\n/,
      ],
    ],
  },
  {
    why: 'a change that could not be made is not reported as made',
    refused: [['as-vpopmail-user', 9, 111, /^valias: temporary trouble .*ENOENT/]],
  },
  {
    why: 'a domain name whose line in users/assign the original would cut in two is refused',
    refused: [
      [
        'adddomain-names',
        28,
        230,
        'Error: domain name too long\nits line in users/assign would be longer than 298 bytes\n',
      ],
    ],
  },
  {
    why: 'a users/assign that qmail-newu refuses is not added to, and the line is named; what stands behind the dot stays there, where nobody reads it',
    at: ['foreign-assign-lines 10 *'],
    refused: [
      [
        'foreign-assign-lines',
        12,
        239,
        /^Error: Could not update file\nqmail-newu: fatal: bad format .*\n.*\/assign:1: /,
      ],
    ],
  },
  {
    why: 'users/cdb is made through a temporary name that no other program has, so what a failed qmail-newu left under its own stays',
    at: ['foreign-assign-lines 15 /var/qmail/users/cdb.tmp'],
  },
  {
    why: 'a line too long for the original\u2019s buffers is one line, and no temporary file stays',
    at: [
      'foreign-control-lines 16 /var/qmail/control/rcpthosts*',
      'foreign-control-lines 17 /var/qmail/control/rcpthosts',
    ],
  },
  {
    why: 'control/locals is not made: an empty one would end that control/me is local',
    at: ['adddomain-leftovers 11 /var/qmail/control/locals'],
  },
  {
    why: 'a name is removed from rcpthosts and from morercpthosts, and no stale morercpthosts.cdb stays',
    at: ['adddomain-leftovers 14 /var/qmail/control/morercpthosts*'],
  },
  {
    why: 'quotas in G and T mean that, and are stored in bytes',
    at: [
      accounts('adduser-quota', 6),
      `adduser-quota 6 ${example}/u05/Maildir/maildirsize`,
      accounts('adduser-quota', 7),
      `adduser-quota 7 ${example}/u06/Maildir/maildirsize`,
      accounts('moduser-fields', 19),
      'moddomlimits 21 /home/vpopmail/etc/vlimits.default',
    ],
  },
  {
    why: 'a new hash without a new clear password voids the old clear one, by which APOP and CRAM-MD5 would let in',
    at: [accounts('moduser-fields', 12), accounts('moduser-fields', 13), accounts('login-apop-imap', 12)],
  },
  {
    why: 'an age of so many days that the original\u2019s seconds overflow is old, and deletes nobody',
    at: ['deloldusers 10 stdout'],
  },
  {
    why: 'relay rules for a client that logged in from IPv6 name that client; an address that is none makes no rule',
    at: [
      'login-pop3 6 /home/vpopmail/etc/open-smtp',
      'login-pop3 6 /etc/tcp/smtp.cdb',
      'login-pop3 9 /home/vpopmail/etc/open-smtp',
      'login-pop3 9 /etc/tcp/smtp.cdb',
    ],
  },
  {
    why: 'no success is reported when the program could not be run',
    refused: [
      ['login-apop-imap', 11, 111, 'vchkpw: unable to run /nonexistent/imapd: file does not exist\n'],
      ['login-pop3', 18, 111, 'vchkpw: unable to run /nonexistent/qmail-pop3d: file does not exist\n'],
    ],
  },
  {
    why: 'the users of another machine are listed',
    at: ['mkpasswd-convert 16 stdout'],
  },
];

/** Recordings that are not replayed, with the reason. */
export const notReplayed: Readonly<Record<string, string>> = {
  'v561-adddomain-adduser': 'a newer version of the original with other defaults',
  'v561-login': 'a newer version of the original with other defaults',
};
