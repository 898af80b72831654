// The Message-ID of a message that came without one, as qmail-inject makes it: the time (UTC), a number that no other message of the host has at that time, and
// control/idhost.
//
//   <20261124023455.26.qmail@mail.example.gr.jp>

export function qmailMessageId(unixSeconds: number, number: number, idHost: string): string {
  const time = new Date(unixSeconds * 1000).toISOString().replace(/[-:T]|\..*$/g, '');
  return `<${time}.${number}.qmail@${idHost}>`;
}
