// Which mailboxes are for what (RFC 6154): what a client has created them for; for a use that none was created for, by their names: those that the administrator gives, then those that mail programs
// make. Of several with a name of one use the first in the list is it.

import { decodeModifiedUtf7 } from '../../../formats/mailbox/modified-utf7.js';
import type { ListedMailbox } from '../../../stores/mailboxes/mailbox-types.js';

export const specialUses = ['\\Sent', '\\Drafts', '\\Trash', '\\Junk', '\\Archive'] as const;
export type SpecialUse = (typeof specialUses)[number];

/** A name for a use, as the administrator gives it: in UTF-8. */
export interface UseName {
  readonly use: SpecialUse;
  readonly name: string;
}

const names: Readonly<Record<SpecialUse, string>> = {
  '\\Sent':
    'Sent|Sent Messages|Sent Items|Sent Mail|送信済み|送信済みメール|送信済みアイテム|送信済みトレイ|Απεσταλμένα|Gesendet|Gesendete Objekte|Gesendete Elemente|Envoyés|Messages envoyés|Éléments envoyés|Enviados|Elementos enviados|Posta inviata|Inviata|Verzonden|Verzonden items|Skickat|Отправленные|Wysłane',
  '\\Drafts':
    'Drafts|Draft|下書き|草稿|Πρόχειρα|Entwürfe|Brouillons|Borradores|Bozze|Concepten|Utkast|Rascunhos|Черновики|Szkice',
  '\\Trash':
    'Trash|Deleted Messages|Deleted Items|ゴミ箱|ごみ箱|削除済みアイテム|Κάδος|Κάδος απορριμμάτων|Διαγραμμένα|Papierkorb|Gelöschte Objekte|Gelöschte Elemente|Corbeille|Éléments supprimés|Papelera|Elementos eliminados|Cestino|Prullenbak|Papperskorgen|Lixeira|Корзина|Удаленные|Kosz',
  '\\Junk':
    'Junk|Spam|Junk E-mail|Junk Email|Bulk Mail|迷惑メール|Ανεπιθύμητα|Courrier indésirable|Indésirables|Pourriel|Correo no deseado|Posta indesiderata|Ongewenst|Skräp|Спам',
  '\\Archive': 'Archive|Archives|アーカイブ|Αρχείο|Archiv|Archivo|Archivio|Archief|Arkiv|Архив|Archiwum',
};

/** A mailbox that there is; its name in modified UTF-7. */
type NamedMailbox = Pick<ListedMailbox, 'name' | 'createdFor'>;

/** Finds the uses of an account's mailboxes. */
export class SpecialUses {
  readonly #ranks = new Map<string, { readonly use: SpecialUse; readonly rank: number }>();

  /** @param given before the names that are known */
  constructor(given: readonly UseName[]) {
    const known = specialUses.flatMap((use) => names[use].split('|').map((name) => ({ use, name })));
    for (const [rank, { use, name }] of [...given, ...known].entries()) {
      const key = keyOf(name);
      if (!this.#ranks.has(key)) this.#ranks.set(key, { use, rank });
    }
  }

  /** The uses of mailboxes by their names. */
  among(mailboxes: readonly NamedMailbox[]): ReadonlyMap<string, readonly string[]> {
    const created = mailboxes.filter(({ createdFor }) => createdFor.length > 0);
    const taken = new Set(created.flatMap(({ createdFor }) => createdFor));
    const named = this.#byName(mailboxes.filter(({ createdFor }) => createdFor.length === 0));
    const uses = new Map<string, readonly string[]>(created.map(({ name, createdFor }) => [name, createdFor]));
    for (const [use, name] of named) if (!taken.has(use)) uses.set(name, [use]);
    return uses;
  }

  #byName(mailboxes: readonly NamedMailbox[]): [SpecialUse, string][] {
    const best = new Map<SpecialUse, { readonly name: string; readonly rank: number }>();
    for (const { name } of mailboxes) {
      const found = this.#rankOf(name);
      if (found !== undefined && found.rank < (best.get(found.use)?.rank ?? Number.POSITIVE_INFINITY))
        best.set(found.use, { name, rank: found.rank });
    }
    return [...best].map(([use, { name }]) => [use, name]);
  }

  #rankOf(name: string): { readonly use: SpecialUse; readonly rank: number } | undefined {
    const text = decodeModifiedUtf7(name);
    return text === undefined ? undefined : this.#ranks.get(keyOf(text));
  }
}

/** Programs on a Mac write names decomposed. */
function keyOf(name: string): string {
  return name.normalize('NFC').toLowerCase();
}
