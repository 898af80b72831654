// Variable envelope return paths: a list's message has the sender `owner-@host-@[]`, and each recipient gets it from an address of its own, so that a bounce says
// whose it is (formats/qmail.md 4.6, senderadd in qmail-send.c).
//
//   list-@example.jp-@[]  to  ann@example.org      becomes  list-ann=example.org@example.jp
//
// The recipient is the rewritten one, with the prefix of its virtual domain.

const suffix = '-@[]';

/** The envelope sender for one recipient: the sender itself unless it asks for one address each. */
export function verpSender(sender: string, recipient: string): string {
  if (!sender.endsWith(suffix)) return sender;
  const owner = sender.slice(0, -suffix.length);
  const at = owner.lastIndexOf('@');
  const recipientAt = recipient.lastIndexOf('@');
  if (at < 0 || recipientAt < 0) return sender;
  const whose = `${recipient.slice(0, recipientAt)}=${recipient.slice(recipientAt + 1)}`;
  return `${owner.slice(0, at)}${whose}@${owner.slice(at + 1)}`;
}
