// The library that calls C functions. It is loaded at the first call of any: most commands need none of it.

import { createRequire } from 'node:module';

type Koffi = typeof import('koffi');

/**
 * The part of koffi that is compiled for this system, which has all that is called here. Loading it through koffi's own module, which supports more systems and the names of earlier
 * versions, takes three times as long: more than a tool for all its work.
 * @throws Error where there is none for this system
 */
export function loadKoffi(): Koffi {
  const require = createRequire(import.meta.url);
  try {
    return require(`@koromix/koffi-${process.platform}-${process.arch}`) as Koffi;
  } catch {
    // Where packages are not side by side, it alone finds it.
    return require('koffi') as Koffi;
  }
}
