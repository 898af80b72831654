// One account as two POP3 servers show it: the login, and each message by its unique id, with its size and its text.

import { Pop3Client } from '../clients/pop3.js';
import type { ServerAddress } from '../clients/server-address.js';
import type { Credentials } from './accounts.js';
import { compareLogins, type Found } from './difference.js';
import { setDifference } from './sets.js';

export interface SeenPop3 {
  /** The answer to the login. */
  readonly login: string;
  /** By unique id. */
  readonly messages: ReadonlyMap<string, { readonly size: string; readonly hash: string }>;
}

/**
 * @param mostMessages the newest of an account whose texts are compared
 * @throws TemporaryError
 */
export async function seePop3(
  address: ServerAddress,
  { user, password }: Credentials,
  mostMessages: number,
  from?: string,
): Promise<SeenPop3> {
  const client = await Pop3Client.open(address, from);
  try {
    const login = await client.logIn(user, password);
    if (!login.startsWith('+OK')) return { login, messages: new Map() };
    const [ids, sizes] = [await client.listing('UIDL'), await client.listing('LIST')];
    const messages = new Map<string, { size: string; hash: string }>();
    const firstRead = ids.size - mostMessages;
    for (const [index, [number, id]] of [...ids].entries())
      messages.set(id, {
        size: sizes.get(number) ?? 'none',
        hash: index < firstRead ? '' : await client.textHash(number),
      });
    return { login, messages };
  } finally {
    client.close();
  }
}

/** What differs for this account. */
export function comparePop3(old: SeenPop3, ours: SeenPop3): Found[] {
  const logins = compareLogins(old.login.startsWith('+OK'), ours.login.startsWith('+OK'), old.login, ours.login);
  if (logins !== undefined) return [logins];
  const found: Found[] = [];
  const ids = setDifference(old.messages.keys(), ours.messages.keys());
  if (ids !== undefined) found.push({ what: 'unique ids', ...ids, cause: causeOfIds(old, ours), isNoticed: true });
  for (const [id, before] of old.messages) {
    const now = ours.messages.get(id);
    if (now === undefined) continue;
    if (before.hash !== now.hash && before.hash !== '' && now.hash !== '')
      found.push({ what: `${id}: hash of its text`, old: before.hash, new: now.hash, isNoticed: true });
    else if (before.size !== now.size)
      found.push({
        what: `${id}: size`,
        old: before.size,
        new: now.size,
        cause: 'the text is the same; vqmail announces the octets that it sends, others the size of the file',
        isNoticed: false,
      });
  }
  return found;
}

function causeOfIds(old: SeenPop3, ours: SeenPop3): string {
  const [form, ourForm] = [formOf(old), formOf(ours)];
  const follows = 'POP3 clients download these again';
  return form === ourForm ? follows : `${follows}; the old ones look like those of serve --uidl ${form}`;
}

function formOf({ messages }: SeenPop3): 'qmail' | 'dovecot' | 'courier' {
  const ids = [...messages.keys()];
  if (ids.some((id) => /^[0-9a-f]{16}$/.test(id))) return 'dovecot';
  return ids.some((id) => /^UID[0-9]+-[0-9]+$/.test(id)) ? 'courier' : 'qmail';
}
