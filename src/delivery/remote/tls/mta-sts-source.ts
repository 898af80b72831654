// Where MTA-STS policies come from (RFC 8461 3.1 to 3.3): the record from DNS, the policy from the policy host. `mailauth` reads both; it is loaded at the first use, and where it is
// missing no domain has a policy, and the log says so once.
//
// The policy is fetched here and not by mailauth, which takes as many bytes as come and waits as long as they do: a policy host must not be able to hold mail for its domain, or to fill the memory.
// What counts: status 200, no redirect, text/plain, 64 KB, 30 seconds in all, a certificate for mta-sts.DOMAIN that the authorities of this version of node vouch for.

import dns from 'node:dns';
import https from 'node:https';
import { createRequire } from 'node:module';
import net from 'node:net';
import type { Log } from '../../../log.js';
import { asciiName, dnsNames, type NameService } from '../names.js';
import type { StsPolicy, StsSource } from './mta-sts.js';

/** What is used of `mailauth/lib/mta-sts`. */
interface StsLibrary {
  /** @throws an error with an errno of DNS, or `multi_sts_records` */
  resolvePolicy(domain: string, options: { resolver: Resolve }): Promise<string | false>;
  /** @throws for a policy that breaks the rules, or names no host */
  parsePolicy(text: Buffer): ParsedPolicy;
}
interface ParsedPolicy {
  readonly mode: StsPolicy['mode'];
  readonly mx?: readonly string[];
  readonly maxAge: number;
}
type Resolve = (name: string, type: string) => Promise<unknown>;

/** Another place to ask than the customary one, in tests. */
export interface StsSourceOptions {
  /** Name servers; the machine's unless given. */
  readonly servers?: readonly string[];
  /** The port of policy hosts; 443 unless given. */
  readonly port?: number;
  /** PEM of the authorities; those of this version of node unless given. */
  readonly authorities?: string;
}

const require = createRequire(import.meta.url);
const mostBytes = 64 * 1024;
const patienceMs = 30_000;

/** Policies as domains publish them. */
export function mailauthPolicies(log: Log, options: StsSourceOptions = {}): StsSource {
  const { servers } = options;
  const resolver = new dns.promises.Resolver({ timeout: 5000, tries: 2 });
  if (servers !== undefined) resolver.setServers(servers);
  const names = dnsNames(servers, { timeout: 5000, tries: 2 });
  const resolve: Resolve = (name, type) => resolver.resolve(name, type);
  let library: StsLibrary | null | undefined;
  const loaded = (): StsLibrary | null => {
    if (library === undefined) library = load(log);
    return library;
  };
  return {
    async policyId(domain) {
      const name = asciiName(domain);
      if (name === undefined) return undefined;
      return (await loaded()?.resolvePolicy(name, { resolver: resolve })) || undefined;
    },
    async fetch(domain) {
      const text = await fetchText(names, `mta-sts.${asciiName(domain) ?? domain}`, options);
      const policy = loaded()?.parsePolicy(text);
      if (policy === undefined) throw new Error('policies cannot be read');
      return { mode: policy.mode, mx: policy.mx ?? [], maxAgeSeconds: policy.maxAge };
    },
  };
}

async function fetchText(
  names: NameService,
  policyHost: string,
  { port = 443, authorities }: StsSourceOptions,
): Promise<Buffer> {
  const found = await names.addresses(policyHost);
  if (found.kind !== 'found') throw new Error(`no address of ${policyHost} (${found.kind})`);
  const addresses = found.value.map((address) => ({ address, family: net.isIPv6(address) ? 6 : 4 }));
  return new Promise((done, failed) => {
    const request = https.get(
      {
        host: policyHost,
        servername: policyHost,
        port,
        path: '/.well-known/mta-sts.txt',
        agent: false,
        signal: AbortSignal.timeout(patienceMs),
        lookup: (_name, asked, give) => {
          const [first] = addresses;
          if (asked.all) give(null, addresses);
          else give(null, first?.address ?? '', first?.family);
        },
        ...(authorities !== undefined && { ca: authorities }),
      },
      (response) => {
        const { statusCode, headers } = response;
        const isText = /^text\/plain\s*(;|$)/i.test(headers['content-type'] ?? '');
        if (statusCode !== 200 || !isText) {
          request.destroy(new Error(`${policyHost} answers ${statusCode} ${headers['content-type']}`));
          return;
        }
        const pieces: Buffer[] = [];
        let size = 0;
        response
          .on('data', (piece: Buffer) => {
            size += piece.length;
            if (size > mostBytes) request.destroy(new Error(`${policyHost} answers too much`));
            else pieces.push(piece);
          })
          .on('end', () => done(Buffer.concat(pieces)))
          .on('error', failed);
      },
    );
    request.on('error', failed);
  });
}

function load(log: Log): StsLibrary | null {
  try {
    return require('mailauth/lib/mta-sts') as StsLibrary;
  } catch (error) {
    log.warning(
      `MTA-STS is not looked at: ${error instanceof Error ? error.message.split('\n', 1)[0] : String(error)}`,
    );
    return null;
  }
}
