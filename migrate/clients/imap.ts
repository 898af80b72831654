// IMAP clients: the library `imapflow`, without what it would do by itself.

import type { ImapFlow, ImapFlowOptions } from 'imapflow';
import { TemporaryError } from '../../src/errors.js';
import { asUtf8 } from '../imap/place.js';
import { patienceMs, placeOf, reasonOf, type ServerAddress } from './server-address.js';

/** A client that has logged in. Ended by `logout` or `close`. User and password are Latin-1 strings, one character a byte. @throws what the library throws */
export async function connectImap(
  user: string,
  password: string,
  options: Omit<ImapFlowOptions, 'auth'>,
): Promise<ImapFlow> {
  const { ImapFlow } = await import('imapflow');
  const auth = { user: asUtf8(user), pass: asUtf8(password) };
  const client = new ImapFlow({ ...options, auth, logger: false, disableAutoIdle: true });
  // What goes wrong rejects what is waited for; without a listener it would end the process too.
  client.on('error', () => {});
  try {
    await client.connect();
    return client;
  } catch (error) {
    client.close();
    throw error;
  }
}

/** The server refused the login; the text is its answer. */
export class LoginRefused extends Error {}

/**
 * A client for looking at a server of this host, as `connectImap` gives it: every server is asked alike, whatever it offers beyond the protocol.
 * @throws LoginRefused, TemporaryError
 */
export async function openImap(address: ServerAddress, user: string, password: string): Promise<ImapFlow> {
  const { host, port, tls } = address;
  try {
    return await connectImap(user, password, {
      host,
      port,
      secure: tls === 'implicit',
      doSTARTTLS: tls === 'starttls',
      // The server is the host's own, often by an address that its certificate does not name.
      tls: { rejectUnauthorized: false },
      disableAutoEnable: true,
      disableIMAP4rev2: true,
      disableCompression: true,
      connectionTimeout: patienceMs,
      socketTimeout: 5 * patienceMs,
    });
  } catch (error) {
    if (error instanceof Error && 'authenticationFailed' in error && error.authenticationFailed === true)
      throw new LoginRefused('response' in error ? String(error.response) : error.message);
    throw new TemporaryError('4.4.1', `${placeOf(address)} cannot be asked: ${reasonOf(error)}`, error);
  }
}
