// The load programs by name.

import { diskFiles } from './disk-files.js';
import { authLogins, smtpLogins, tlsHandshakes } from './logins.js';
import { pop3Logins, pop3Retrieve } from './pop3-sessions.js';
import { qmqpMessages } from './qmqp-messages.js';
import { smtpCrowd } from './smtp-crowd.js';
import { smtpMessages } from './smtp-messages.js';
import { smtpRecipients } from './smtp-recipients.js';

export const loadPrograms = {
  smtpMessages,
  smtpRecipients,
  smtpCrowd,
  qmqpMessages,
  pop3Logins,
  pop3Retrieve,
  authLogins,
  smtpLogins,
  tlsHandshakes,
  diskFiles,
};

export type LoadPrograms = typeof loadPrograms;
