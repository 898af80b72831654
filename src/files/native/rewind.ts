// Winding an open file back to its start, which node does not offer: programs that inherit a descriptor share its position (lseek(2), called through koffi).

import { loadKoffi } from './koffi.js';

let seek: ((fd: number) => { position: number; errno: number }) | undefined;

/** Sets the position of an open file to 0. @throws an error with `code` ESPIPE for what has no position */
export function rewind(fd: number): void {
  seek ??= bind();
  const { position, errno } = seek(fd);
  if (position < 0) throw Object.assign(new Error(`lseek: errno ${errno}`), { code: errno === 29 ? 'ESPIPE' : 'EIO' });
}

function bind(): (fd: number) => { position: number; errno: number } {
  const koffi = loadKoffi();
  const lseek: (fd: number, offset: number, whence: number) => number = koffi
    .load(null)
    .func('lseek', 'int64', ['int', 'int64', 'int']);
  return (fd) => {
    const position = Number(lseek(fd, 0, 0));
    return { position, errno: position < 0 ? koffi.errno() : 0 };
  };
}
