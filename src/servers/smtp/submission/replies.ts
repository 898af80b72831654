// What a user's session is told besides what every client is (servers/smtp/replies.ts): word for word as qmail's SMTP AUTH patch where that has words, else with the enhanced code in front.

export const authReplies = {
  success: '235 ok, go ahead (#2.0.0)',
  cancelled: '501 auth exchange canceled (#5.0.0)',
  malformed: '501 malformed auth input (#5.5.4)',
  already: "503 you're already authenticated (#5.5.0)",
  inTransaction: '503 no auth during mail transaction (#5.5.0)',
  unknownMechanism: '504 auth type unimplemented (#5.5.1)',
  failed: '535 authentication failed (#5.7.1)',
  lineTooLong: '500 5.5.6 line of the authentication exchange is too long',
  tlsFirst: '530 5.7.0 say STARTTLS first',
  tlsForPassword: '538 5.7.11 this mechanism needs STARTTLS first',
  closed: '530 5.7.1 the account of this certificate may not send',
  first: '530 Authorization required (#5.7.1)',
  tooManyRecipients: '450 4.7.1 you have sent to as many recipients as you may within an hour, try again later',
  trouble: '454 4.3.0 temporary trouble with this login, try again later',
} as const;
