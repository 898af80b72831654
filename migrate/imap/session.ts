// A session with another IMAP server that outlives connections: when the server asks for patience, or the connection is lost, it waits, longer each time, and goes on.

import { setTimeout as sleep } from 'node:timers/promises';
import type { ImapFlow, MailboxObject } from 'imapflow';
import { PermanentError } from '../../src/errors.js';
import { connectImap } from '../clients/imap.js';
import { LostConnection } from '../copy/ends.js';
import { type Act, isBusy, isEndedOver, isLost, lastingError, tlsProblem } from './failure.js';
import { type ImapPlace, isOwnMachine, placeName } from './place.js';

export interface SessionOptions {
  /** Latin-1, one character a byte. */
  readonly password: string;
  /** Certificates that nobody vouches for, and passwords without TLS. */
  readonly allowAnyCertificate: boolean;
  readonly allowClear: boolean;
  /** Hears why it waits. */
  readonly tell: (text: string) => void;
  /** Waits so many milliseconds; for tests. */
  readonly pause?: (ms: number) => Promise<unknown>;
}

const firstPauseMs = 1000;
const longestPauseMs = 300_000;
const mostPauses = 10;

export class ImapSession {
  readonly name: string;
  readonly #place: ImapPlace;
  readonly #options: SessionOptions;
  #client: ImapFlow | undefined;
  #isOver = false;
  /** A server that never answered is no server that will soon. */
  #wasConnected = false;

  constructor(place: ImapPlace, options: SessionOptions) {
    this.#place = place;
    this.#options = options;
    this.name = placeName(place);
  }

  /** Does something that may be done twice. @throws PermanentError for a refusal, TemporaryError for trouble that stays */
  repeatable<T>(act: (client: ImapFlow) => Promise<T>, kind: Act = 'look'): Promise<T> {
    return this.#patiently(act, kind, (error) => isLost(error) && this.#wasConnected);
  }

  /** Does something that may be done once only. @throws as `repeatable`; LostConnection when it is not known whether it was done */
  async once<T>(act: (client: ImapFlow) => Promise<T>): Promise<T> {
    await this.repeatable(async () => {});
    return this.#patiently(
      async (client) => {
        try {
          return await act(client);
        } catch (error) {
          throw isLost(error) ? new LostConnection(`${this.name}: connection lost`, { cause: error }) : error;
        }
      },
      'change',
      () => false,
    );
  }

  /**
   * Does something in a folder, which is opened for it.
   * @throws as `repeatable`; PermanentError also when the server ends the session over it, and does so again
   */
  async inFolder<T>(
    path: string,
    readOnly: boolean,
    act: (client: ImapFlow, mailbox: MailboxObject) => Promise<T>,
  ): Promise<T> {
    const kind = readOnly ? 'look' : 'change';
    let ends = 0;
    return this.repeatable(async (client) => {
      const mailbox = await openFolder(client, path, readOnly);
      try {
        return await act(client, mailbox);
      } catch (error) {
        if (!isEndedOver(error) || ++ends < 2) throw error;
        throw new PermanentError('5.0.0', lastingError(error, this.name, kind).message);
      }
    }, kind);
  }

  async close(): Promise<void> {
    this.#isOver = true;
    const client = this.#client;
    this.#client = undefined;
    if (client?.usable) await client.logout().catch(() => {});
    client?.close();
  }

  async #patiently<T>(
    act: (client: ImapFlow) => Promise<T>,
    kind: Act,
    mayGoOn: (error: unknown) => boolean,
  ): Promise<T> {
    for (let pauses = 0; ; pauses++) {
      try {
        return await act(await this.#connected());
      } catch (error) {
        if (error instanceof LostConnection) throw error;
        const isWorthWaiting = isBusy(error, kind) || mayGoOn(error);
        if (!isWorthWaiting || pauses === mostPauses || this.#isOver) throw lastingError(error, this.name, kind);
        const ms = Math.min(longestPauseMs, firstPauseMs * 2 ** pauses);
        this.#options.tell(`${lastingError(error, this.name, kind).message}; again in ${Math.round(ms / 1000)} s`);
        await (this.#options.pause ?? sleep)(ms);
      }
    }
  }

  async #connected(): Promise<ImapFlow> {
    if (this.#client?.usable) return this.#client;
    this.#client?.close();
    this.#client = undefined;
    const { host, port, isTls, user } = this.#place;
    const { password, allowAnyCertificate } = this.#options;
    const client = await connectImap(user, password, {
      host,
      port,
      secure: isTls,
      // Without it the password would go out before we could look.
      ...(!isTls && !this.#mayBeClear() && { doSTARTTLS: true }),
      tls: { rejectUnauthorized: !allowAnyCertificate && !isOwnMachine(this.#place) },
      clientInfo: { name: 'vqmail migrate' },
      maxLiteralSize: 1024 * 1024 * 1024,
    }).catch((error: unknown) => {
      const problem = tlsProblem(error);
      throw problem === undefined ? error : new PermanentError('5.7.0', `${this.name}: ${problem}`);
    });
    this.#client = client;
    this.#wasConnected = true;
    return client;
  }

  #mayBeClear(): boolean {
    return this.#options.allowClear || isOwnMachine(this.#place);
  }
}

/** Selects a folder unless it is selected so already. */
async function openFolder(client: ImapFlow, path: string, readOnly: boolean): Promise<MailboxObject> {
  const { mailbox } = client;
  if (mailbox !== false && mailbox.path === path && (mailbox.readOnly ?? false) === readOnly) return mailbox;
  return client.mailboxOpen(path, { readOnly });
}
