// A progress bar on standard error, where somebody looks at it; elsewhere nothing.

export interface ProgressBar {
  /** @param also said behind it */
  update(done: number, of: number, also?: string): void;
  stop(): void;
}

/** @param what is counted, such as `messages` */
export async function openBar(what: string): Promise<ProgressBar> {
  if (!process.stderr.isTTY) return { update: () => {}, stop: () => {} };
  const { SingleBar, Presets } = await import('cli-progress');
  const bar = new SingleBar(
    {
      stream: process.stderr,
      clearOnComplete: true,
      format: `{bar} {value}/{total} ${what}{also}, {eta_formatted} left`,
    },
    Presets.shades_classic,
  );
  bar.start(1, 0, { also: '' });
  return {
    update: (done, of, also = '') => {
      bar.setTotal(Math.max(1, of));
      bar.update(done, { also });
    },
    stop: () => bar.stop(),
  };
}
