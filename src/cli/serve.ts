// `vqmail serve`: the daemon in the foreground, as supervise, systemd and people want it. Prints one line `ready PROTO=ADDRESS:PORT ...` once every listener accepts; logs to
// standard error; exits 0 after SIGTERM.

import { Command } from 'commander';
import { standardErrorLog } from '../log.js';
import { startDaemon, untilSignal } from '../main.js';
import { parseSettings, type ServeOptions } from '../settings.js';
import { parseCertificateFiles } from '../stores/certificates/certificate.js';
import { parseCommandLine } from './command-line.js';
import { argumentPath, type ToolIo } from './tool-io.js';

/** @returns the exit status: 0 after an orderly end. @throws PermanentError for options, ConfigurationError for a host that cannot be served */
export async function serve(args: string[], io: ToolIo): Promise<number> {
  const options = parseOptions(args, io);
  if (options === undefined) return 0;
  const { root, qmail: qmailDir, vpopmail: vpopmailDir, tcp: tcpDir } = io.layout;
  const isRoot = process.geteuid?.() === 0;
  const onChange = options.onChange === undefined ? {} : { onChange: argumentPath(options.onChange, io) };
  const tlsCertificates = (options.tlsCertificate ?? []).map((text) =>
    parseCertificateFiles(text, (file) => argumentPath(file, io)),
  );
  const given = { ...options, ...onChange, tlsCertificates };
  const settings = parseSettings({ root, qmailDir, vpopmailDir, tcpDir }, given, isRoot);
  process.env.VQMAIL_LOG_FORMAT = settings.logFormat;
  const daemon = await startDaemon(settings, standardErrorLog);
  // Whoever reads the ready line may send a signal at once.
  const ended = untilSignal(daemon, standardErrorLog);
  io.stdout(`ready ${daemon.listening.join(' ')}\n`);
  // Sessions that outlived the drain time are cut off.
  process.exit(await ended);
}

/** Files are named as they lie for whoever started the command. */
type CommandLine = ServeOptions & { readonly tlsCertificate?: readonly string[] };

function parseOptions(args: string[], io: ToolIo): CommandLine | undefined {
  const collect = (value: string, before: string[] = []): string[] => [...before, value];
  const command = new Command('vqmail serve')
    .option(
      '--listen <PROTO=ADDRESS:PORT>',
      'where to listen; once for each place (smtp, submission, smtps, lmtp, pop3, pop3s, imap, imaps, auth, postmap, qmqp); smtp=0.0.0.0:25 and pop3=0.0.0.0:110 unless given; lmtp=unix:PATH[,mode=0660][,user=NAME][,group=NAME]',
      collect,
    )
    .option(
      '--queue <auto|beside|instead|off>',
      'who works on the queue: a running qmail-send and we beside it, or we instead of it; auto looks at its lock; auto',
    )
    .option('--spawn-limit <n>', "deliveries at once on each channel, at most (qmail's conf-spawn); 120")
    .option('--log-format <text|json>', "qmail-send's lines, or one JSON object a line; text")
    .option('--workers <n>', 'session processes when started as root; 0: one process with the uid it has')
    .option('--local-name <name>', "this host's name in Received lines (tcpserver -l); control/me unless given")
    .option('--resolve-client-names', "look up clients' names, for access rules by name (tcpserver without -H)")
    .option(
      '--uidl <qmail|dovecot|courier>',
      'whose unique ids POP3 clients know; dovecot:FORMAT for another pop3_uidl_format',
    )
    .option(
      '--pop-before-smtp <auto|on|off>',
      "a client may relay for a while after a POP3 or IMAP login (vpopmail's roaming users); auto: where the host has open-smtp",
    )
    .option(
      '--over-quota <refuse|defer>',
      'what a message is told that does not fit: 552 for good, or 452 for now; refuse',
    )
    .option(
      '--default-delivery <lines>',
      "what an empty .qmail means, as qmail-start's argument; control/defaultdelivery unless given",
    )
    .option(
      '--postmap-transport <next hop>',
      'what Postfix is told to send our mail to, or lmtp for our lmtp listener; smtp:[127.0.0.1]:PORT of the first smtp listener unless given',
    )
    .option('--watch <auto|off|poll>', 'what changes on the host has consequences at once (README); auto')
    .option('--on-change <program>', 'is run for each change, with it as one line of JSON on standard input')
    .option(
      '--tls-certificate <cert[:key[:chain]]>',
      'a certificate besides control/servercert.pem and control/vqmail/certs, for the names in it; once for each',
      collect,
    )
    .option('--tls-old-clients', 'speaks TLS 1.0 and 1.1 too, which can be broken (README); off')
    .option('--max-connections <n>', 'sessions in all')
    .option('--max-connections-per-address <n>', 'sessions of one protocol from one address')
    .option('--unlimited <network>', 'addresses without the limit per address; once for each, or none', collect)
    .option(
      '--proxy-from <network>',
      'proxies whose PROXY header names the client (smtp, lmtp, pop3, imap): address, network, or unix; once for each',
      collect,
    )
    .option(
      '--xclient-from <network>',
      'front ends whose XCLIENT and XFORWARD name the client (smtp, lmtp): address, network, or unix; once for each',
      collect,
    )
    .option(
      '--login-trusted <network>',
      'whose clients may send a password without TLS (as login_trusted_networks): address, network, or unix; once for each',
      collect,
    )
    .option(
      '--default-domain <domain>',
      'the domain of logins that name none; ~vpopmail/etc/defaultdomain unless given',
    )
    .option('--login-cache <seconds>', 'how long a password that was right is not computed again; 300; 0: never')
    .option(
      '--rehash <scheme>',
      'right passwords are hashed anew by this scheme (sha512, bcrypt, ...), which every other program that serves the accounts must know; hashes stay unless given',
    )
    .option('--log-logins', "good logins are logged too (vpopmail's --enable-logging=y), and not wrong ones alone")
    .option(
      '--challenge-mechanisms <auto|on|off>',
      'whether CRAM-MD5, DIGEST-MD5 and SCRAM are offered, which need a stored clear password; auto: while accounts have any',
    )
    .option(
      '--wrong-logins <per address/per account>',
      'how many wrong logins have no consequence yet; beyond, each has to wait longer; any: no limits; 10/10',
    )
    .option(
      '--sender-check <own|domain|any>',
      'whose address a user may send as: one whose mail leads to the account, any of its domain besides, or any; own',
    )
    .option('--from-check <own|domain|any>', 'the same of the addresses in the From field, which readers see; any')
    .option('--hide-client', "users' Received lines say nothing of where they send from")
    .option('--rate-messages <n>', 'messages that a user may send within an hour; no limit unless given')
    .option('--rate-recipients <n>', 'recipients that a user may send to within an hour; no limit unless given')
    .option('--max-sessions-per-user <n>', 'sessions of one user who has logged in to send, and as many by IMAP; 50')
    .option(
      '--imap-namespace <none|INBOX.>',
      'what stands before the names of IMAP mailboxes other than INBOX: INBOX. as with Courier; none',
    )
    .option(
      '--imap-special-use <use=name>',
      'a mailbox name for Sent, Drafts, Trash, Junk or Archive besides the usual ones; once for each',
      collect,
    )
    .option(
      '--imap-autocreate <name>',
      'a mailbox that every account has, made when it logs in; once for each',
      collect,
    )
    .option('--imap-autosubscribe <name>', 'the same, and subscribed when it is made; once for each', collect)
    .option(
      '--imap-cache <on|off>',
      'whether envelopes, structures and the like are kept in a file vq-cache of each folder, which may be deleted at any time; on',
    )
    .option(
      '--imap-append-limit <bytes|databytes>',
      'the largest message that IMAP clients may put into a mailbox; databytes: what control/databytes says; 1073741824',
    )
    .option('--drain-seconds <n>', 'how long sessions may go on after SIGTERM');
  return parseCommandLine<CommandLine>(command, args, io);
}
