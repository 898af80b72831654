// IDLE (RFC 2177): what happens in the selected mailbox is told at once, until the client says DONE. Without one nothing is told, and the client waits all the same.
//
// Now and then the client is told that we are still here, so that no box on the way forgets the connection; as with Dovecot, a client that idles is not cut off for its silence.

import { bad, type ImapCommand, type LoggedInSession, mustHaveNoArguments, ok } from '../command.js';

export const idle: ImapCommand = {
  state: 'logged-in',
  async run(session, command) {
    mustHaveNoArguments(command);
    session.output.line('+ idling');
    const teller = new Teller(session);
    const stillHere = setInterval(() => teller.tellStillHere(), session.services.limits.stillHereMs);
    const stop = session.selected?.view.onHint(() => teller.hint());
    try {
      // What came between the last look and the watch.
      teller.hint();
      const line = await session.nextLine();
      if (line === undefined || line.toUpperCase() === 'DONE') return ok('Idle completed.');
      return bad('Expected DONE.');
    } finally {
      clearInterval(stillHere);
      stop?.();
      await teller.stopped();
    }
  },
};

/** Tells one piece of news after the other. Trouble ends the telling: the next command meets it. */
class Teller {
  readonly #session: LoggedInSession;
  #telling: Promise<void> | undefined;
  #isHinted = false;
  #isOver = false;

  constructor(session: LoggedInSession) {
    this.#session = session;
  }

  hint(): void {
    this.#isHinted = true;
    this.#telling ??= this.#tell().finally(() => {
      this.#telling = undefined;
    });
  }

  tellStillHere(): void {
    this.#session.stay();
    if (this.#telling !== undefined) return;
    this.#session.output.untagged('OK Still here');
    void this.#session.output.flush();
  }

  async stopped(): Promise<void> {
    this.#isOver = true;
    await this.#telling;
  }

  async #tell(): Promise<void> {
    const { output } = this.#session;
    while (this.#isHinted && !this.#isOver) {
      this.#isHinted = false;
      try {
        await this.#session.tellChanges({ mayExpunge: true, withUid: false, looks: true });
      } catch {
        this.#isOver = true;
      }
      await output.flush();
    }
  }
}
