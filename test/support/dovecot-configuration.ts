// dovecot.conf of a POP3 or IMAP server on loopback, as shipped but for its places and for limits that would throttle one busy client.

export interface DovecotPlaces {
  /** An existing directory for its sockets and state. */
  readonly run: string;
  readonly log: string;
  /** The passwd-file. */
  readonly users: string;
  readonly port: number;
  /** POP3 unless given. */
  readonly protocol?: 'pop3' | 'imap';
}

/** @param loginService, mailService further settings of `service pop3-login` and `service pop3`, or IMAP's */
export function dovecotConfiguration(places: DovecotPlaces, loginService = '', mailService = ''): string {
  const { run, log, users, port, protocol = 'pop3' } = places;
  return `base_dir = ${run}
state_dir = ${run}
log_path = ${log}
protocols = ${protocol}
listen = 127.0.0.1
ssl = no
first_valid_uid = 1
mail_max_userip_connections = 0
login_trusted_networks = 127.0.0.0/8
disable_plaintext_auth = no
passdb {
  driver = passwd-file
  args = ${users}
}
userdb {
  driver = passwd-file
  args = ${users}
}
service ${protocol}-login {
  inet_listener ${protocol} {
    port = ${port}
  }
  inet_listener ${protocol}s {
    port = 0
  }
  ${loginService}
}
service ${protocol} {
  ${mailService}
}
`;
}
