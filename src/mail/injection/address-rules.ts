// How qmail-inject completes addresses (formats/qmail.md 8.1):
//
//   <@relay:joe@host>     the route is dropped
//   joe                   joe@defaulthost
//   joe@host+             joe@host.plusdomain
//   joe@host, joe@host.   joe@host.defaultdomain
//   <>, <@[]>, joe@[1.2.3.4]     stay

import { parseTokens, type Token } from './tokens.js';

/** The names of this host that complete others; control files or environment decide them. */
export interface HostNames {
  readonly defaultHost: string;
  readonly defaultDomain: string;
  readonly plusDomain: string;
  readonly idHost: string;
}

/** An address completed. @param address its tokens, empty for `<>` */
export function completeAddress(address: readonly Token[], names: HostNames): readonly Token[] {
  const last = address.at(-1);
  if (last === undefined) return address;
  if (last.type === 'literal' && last.text === '' && address.at(-2)?.type === '@') return address;
  let rest = withoutRoute(address);
  for (const type of ['.', '@'] as const) if (rest.at(-1)?.type === type) rest = rest.slice(0, -1);
  if (rest.length === 0) return rest;
  if (!rest.some(({ type }) => type === '@')) rest = [...rest, { type: '@' }, ...tokensOf(names.defaultHost)];
  return withDomain(withPlus(rest, names), names);
}

function withoutRoute(address: readonly Token[]): readonly Token[] {
  if (address[0]?.type !== '@') return address;
  const colon = address.findIndex(({ type }) => type === ':');
  return colon < 0 ? [] : address.slice(colon + 1);
}

function withPlus(address: readonly Token[], { plusDomain }: HostNames): readonly Token[] {
  const last = address.at(-1);
  if (last?.type !== 'atom' || !last.text.endsWith('+')) return address;
  return [
    ...address.slice(0, -1),
    { type: 'atom', text: last.text.slice(0, -1) },
    { type: '.' },
    ...tokensOf(plusDomain),
  ];
}

function withDomain(address: readonly Token[], { defaultDomain }: HostNames): readonly Token[] {
  const host = address.slice(address.findLastIndex(({ type }) => type === '@') + 1);
  if (host.some(({ type }) => type === '.' || type === 'literal')) return address;
  return [...address, { type: '.' }, ...tokensOf(defaultDomain)];
}

function tokensOf(name: string): readonly Token[] {
  return parseTokens(name) ?? [{ type: 'atom', text: name }];
}
