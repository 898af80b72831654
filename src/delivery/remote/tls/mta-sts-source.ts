// MTA-STS records and policies, fetched by `mailauth`. It is loaded at the first use; where it is not installed no domain has a policy, and the log says so once.
//
// What it parses is checked here again where RFC 8461 is stricter: a policy without an MX host, or without an age, is none.

import dns from 'node:dns';
import { createRequire } from 'node:module';
import type { Log } from '../../../log.js';
import type { StsPolicy, StsSource } from './mta-sts.js';

/** What is used of `mailauth/lib/mta-sts`. */
interface StsLibrary {
  resolvePolicy(domain: string, options: { resolver: Resolve }): Promise<string | false>;
  fetchPolicy(domain: string, options: { resolver: Resolve }): Promise<FetchedPolicy | false>;
}
interface FetchedPolicy {
  readonly mode: StsPolicy['mode'];
  readonly mx?: readonly string[];
  readonly maxAge?: number;
}
type Resolve = (name: string, type: string) => Promise<unknown>;

const require = createRequire(import.meta.url);

/** @param servers name servers; the machine's unless given */
export function mailauthPolicies(log: Log, servers?: readonly string[]): StsSource {
  const resolver = new dns.promises.Resolver({ timeout: 5000, tries: 2 });
  if (servers !== undefined) resolver.setServers(servers);
  const options = { resolver: (name: string, type: string): Promise<unknown> => resolver.resolve(name, type) };
  let library: StsLibrary | null | undefined;
  const loaded = (): StsLibrary | null => {
    if (library === undefined) library = load(log);
    return library;
  };
  return {
    policyId: async (domain) => (await loaded()?.resolvePolicy(domain, options)) || undefined,
    fetch: async (domain) => {
      const fetched = await loaded()?.fetchPolicy(domain, options);
      if (!fetched || fetched.maxAge === undefined) throw new Error(`no MTA-STS policy at mta-sts.${domain}`);
      return { mode: fetched.mode, mx: fetched.mx ?? [], maxAgeSeconds: fetched.maxAge };
    },
  };
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
