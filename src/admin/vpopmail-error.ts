// vpopmail's error codes and their texts (formats/vpopmail.md 9.2). A tool prints `Error: TEXT` and ends with the code as its exit status, modulo 256, so -13 is 243:
// scripts test these numbers, and people search for these words.
//
// Misleading ones are kept where scripts know them: a lock that stays taken while a record is changed is `Username exists`, a user whose password may not be
// changed is `Illegal username`.

const texts = {
  illegalUsername: [-1, 'Illegal username'],
  usernameExists: [-2, 'Username exists'],
  badVpopmailDirectory: [-3, 'Unable to chdir to vpopmail directory'],
  badVpopmailUsersDirectory: [-4, 'Unable to chdir to vpopmail/users directory'],
  badVpopmailDomainsDirectory: [-5, 'Unable to chdir to vpopmail/domains directory'],
  badDomainDirectory: [-6, 'Unable to chdir to vpopmail/domains/domain directory'],
  userDirectoryExists: [-7, "User's directory already exists"],
  badUserDirectory: [-8, "Unable to chdir to user's directory"],
  badUserDirectories: [-9, "Creation of user's subdirectories failed"],
  userDoesNotExist: [-10, 'User does not exist'],
  domainDoesNotExist: [-11, 'Domain does not exist'],
  invalidDomainName: [-12, 'Invalid domain name'],
  domainAlreadyExists: [-13, 'Domain already exists'],
  couldNotMakeDomainDirectory: [-14, 'Could not make domain dir'],
  couldNotOpenQmailDefault: [-15, 'Could not open qmail default'],
  cannotMakeDomainsDirectory: [-16, 'Can not make domains directory'],
  couldNotUpdateFile: [-17, 'Could not update file'],
  cryptFailed: [-18, 'Crypt failed'],
  couldNotOpenDotQmail: [-19, 'Could not open dot qmail file'],
  badCharacter: [-20, 'bad character'],
  invalidUid: [-22, 'running as invalid uid'],
  noAuthConnection: [-23, 'no authentication database connection'],
  userNameTooLong: [-25, 'user name too long'],
  domainTooLong: [-26, 'domain name too long'],
  passwordTooLong: [-27, 'password too long'],
  gecosTooLong: [-28, 'gecos too long'],
  quotaTooLong: [-29, 'quota too long'],
  directoryTooLong: [-30, 'dir too long'],
  clearPasswordTooLong: [-31, 'clear password too long'],
  aliasLineTooLong: [-32, 'alias line too long'],
  invalidEmailCharacter: [-34, 'invalid email character'],
  cannotReadLimits: [-36, "can't read domain limits"],
  cannotReadAssign: [-37, "can't read users/assign file"],
  cannotDeleteCatchAll: [-55, "can't delete catchall account"],
} as const satisfies Readonly<Record<string, readonly [number, string]>>;

export type VpopmailErrorName = keyof typeof texts;

/** A change that vpopmail refuses, or could not make. The message is vpopmail's text; `detail` says more where ours can (which path, which line). */
export class VpopmailError extends Error {
  readonly kind: VpopmailErrorName;
  /** vpopmail's, negative. */
  readonly code: number;
  readonly detail: string | undefined;

  constructor(kind: VpopmailErrorName, detail?: string, cause?: unknown) {
    const [code, text] = texts[kind];
    super(text, { cause });
    this.kind = kind;
    this.code = code;
    this.detail = detail;
  }

  /** The exit status that the shell sees. */
  get exitStatus(): number {
    return this.code & 255;
  }
}
