import type { CdbRecord } from './cdb.js';

export interface Rule {
  readonly deny: boolean;
  readonly variables: ReadonlyArray<{ readonly name: string; readonly value: string }>;
  readonly environment: ReadonlyMap<string, string>;
}

export interface RuleClient {
  readonly ip: string;
  readonly info?: string | undefined;
  readonly host?: string | undefined;
}

export class RuleLineError extends Error {
  readonly line = 0;
  readonly text = '';
}

export function compileRules(_text: Buffer, _path: string): CdbRecord[] {
  throw new Error('not yet');
}

export function parseRule(_data: Buffer): Rule {
  throw new Error('not yet');
}

export function lookUpRule(
  _find: (key: string) => Buffer | undefined,
  _client: RuleClient,
): { key: string; rule: Rule } | undefined {
  throw new Error('not yet');
}

export function ucspiAddress(_ip: string): string {
  throw new Error('not yet');
}
