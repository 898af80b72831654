// Adds an account.

import type { Host } from '../../stores/host.js';

/** `name` and `domain` in any case; `domain` may be an alias domain. Texts are Latin-1. */
export interface AddUserRequest {
  readonly name: string;
  readonly domain: string;
  /** The clear password ('' : an account that nobody logs in to), or a finished hash. */
  readonly secret: { readonly password: string; readonly scheme?: string | undefined } | { readonly hash: string };
  /** The name unless given. */
  readonly gecos?: string | undefined;
  /** As vadduser's -q; the domain's default unless given. */
  readonly quota?: string | undefined;
}

/** @throws VpopmailError for what vpopmail refuses, TemporaryError; nothing is left then */
export async function addUser(_host: Host, _request: AddUserRequest): Promise<void> {
  throw new Error('not there yet');
}
