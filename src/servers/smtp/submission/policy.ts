// What a host asks of its own users' mail (RFC 6409), wherever they log in: on submission and smtps, and on smtp too.

/** Whose addresses a user may send as: those whose mail leads to the account (delivery/resolution/leads-to.ts), all of the account's domain besides, or any. */
export type SenderCheck = 'own' | 'domain' | 'any';

export interface SubmissionPolicy {
  readonly senderCheck: SenderCheck;
  /** The same of the From field. */
  readonly fromCheck: SenderCheck;
  /** Whether Received lines keep quiet about where a user sends from. */
  readonly hidesClient: boolean;
  /** For each user; 0 for no limit. */
  readonly messagesPerHour: number;
  readonly recipientsPerHour: number;
  /** Sessions of one user at one time that have logged in to send. */
  readonly sessionsPerUser: number;
}

export const defaultPolicy: SubmissionPolicy = {
  senderCheck: 'own',
  fromCheck: 'any',
  hidesClient: false,
  messagesPerHour: 0,
  recipientsPerHour: 0,
  sessionsPerUser: 50,
};
