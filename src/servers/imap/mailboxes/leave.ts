// CLOSE, UNSELECT, CHECK (RFC 9051 6.4.1, 6.4.2; RFC 3501 6.4.1).

import { type ImapCommand, mustHaveNoArguments, ok } from '../command.js';

/** Removes what is marked \Deleted, without a word. */
export const close: ImapCommand = {
  state: 'selected',
  tellsNothing: true,
  async run(session, command) {
    mustHaveNoArguments(command);
    const { view } = session.selected;
    if (!view.isReadOnly) await view.expunge();
    session.select(undefined);
    return ok('Close completed.');
  },
};

export const unselect: ImapCommand = {
  state: 'selected',
  tellsNothing: true,
  async run(session, command) {
    mustHaveNoArguments(command);
    session.select(undefined);
    return ok('Unselect completed.');
  },
};

/** All that is acknowledged is on disk already. */
export const check: ImapCommand = {
  state: 'selected',
  async run(_session, command) {
    mustHaveNoArguments(command);
    return ok('Check completed.');
  },
};
