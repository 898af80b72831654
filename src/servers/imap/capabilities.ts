// What CAPABILITY lists. Clients change what they do on seeing a name, so nothing is listed that is not done to the last reply. Before login the list is short, as Dovecot's.

const always = ['IMAP4rev1', 'IMAP4rev2', 'SASL-IR', 'ID', 'ENABLE', 'IDLE', 'LITERAL+'];

const afterLogin = [
  'COMPRESS=DEFLATE',
  'CHILDREN',
  'NAMESPACE',
  'UNSELECT',
  'MULTIAPPEND',
  'REPLACE',
  'LIST-EXTENDED',
  'LIST-STATUS',
  'STATUS=SIZE',
  'SPECIAL-USE',
  'CREATE-SPECIAL-USE',
  'QUOTA',
  'QUOTA=RES-STORAGE',
  'QUOTA=RES-MESSAGE',
  'UIDPLUS',
  'UIDONLY',
  'CONDSTORE',
  'QRESYNC',
  'OBJECTID',
  'UTF8=ACCEPT',
  'BINARY',
  'MOVE',
  'PREVIEW',
  'SAVEDATE',
  'ESEARCH',
  'SEARCHRES',
  'WITHIN',
  'PARTIAL',
  'SORT',
  'SORT=DISPLAY',
  'ESORT',
  'THREAD=ORDEREDSUBJECT',
  'THREAD=REFERENCES',
  'THREAD=REFS',
  'I18NLEVEL=1',
];

export interface LoginOffers {
  /** Whether STARTTLS can be done now. */
  readonly tls: boolean;
  /** Whether LOGIN is taken. */
  readonly password: boolean;
  readonly mechanisms: readonly string[];
}

export function capabilitiesBeforeLogin({ tls, password, mechanisms }: LoginOffers): string {
  const names = [...always, ...(tls ? ['STARTTLS'] : []), ...(password ? [] : ['LOGINDISABLED'])];
  return [...names, ...mechanisms.map((name) => `AUTH=${name}`)].join(' ');
}

/** @param appendLimit the size of the largest message that APPEND takes */
export function capabilitiesAfterLogin(appendLimit: number): string {
  return [...always, ...afterLogin, `APPENDLIMIT=${appendLimit}`].join(' ');
}
