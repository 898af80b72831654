// qmail's own words for system errors. Its programs (and those of ucspi-tcp, which share the table) print these and not the C library's, and people grep
// for them (formats/qmail.md 0.3).

import { errnoOf } from '../errors.js';

const texts: Readonly<Record<string, string>> = {
  EINTR: 'interrupted system call',
  ENOMEM: 'out of memory',
  ENOENT: 'file does not exist',
  ETXTBSY: 'text busy',
  EIO: 'input/output error',
  EEXIST: 'file already exists',
  ETIMEDOUT: 'timed out',
  EINPROGRESS: 'operation in progress',
  EAGAIN: 'temporary failure',
  EWOULDBLOCK: 'temporary failure',
  EPIPE: 'broken pipe',
  EPERM: 'permission denied',
  EACCES: 'access denied',
  ENODEV: 'device not configured',
  EPROTO: 'protocol error',
  EISDIR: 'is a directory',
  ENOTDIR: 'not a directory',
  EROFS: 'read-only file system',
  EINVAL: 'invalid argument',
  ENFILE: 'system cannot open more files',
  EMFILE: 'process cannot open more files',
  ENOSPC: 'out of disk space',
  EDQUOT: 'disk quota exceeded',
  ELOOP: 'symbolic link loop',
  ENAMETOOLONG: 'file name too long',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
};

/** The words for a thrown system error, or for an errno name. */
export function systemErrorText(error: unknown): string {
  const code = typeof error === 'string' ? error : errnoOf(error);
  return (code === undefined ? undefined : texts[code]) ?? 'unknown error';
}
