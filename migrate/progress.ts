// A progress bar on standard error, where somebody looks at it; elsewhere nothing.

export interface ProgressBar {
  update(done: number, of: number): void;
  stop(): void;
}

/** @param what is counted, such as `messages` */
export async function openBar(what: string): Promise<ProgressBar> {
  if (!process.stderr.isTTY) return { update: () => {}, stop: () => {} };
  const { SingleBar, Presets } = await import('cli-progress');
  const bar = new SingleBar(
    { stream: process.stderr, clearOnComplete: true, format: `{bar} {value}/{total} ${what}, {eta_formatted} left` },
    Presets.shades_classic,
  );
  bar.start(1, 0);
  return {
    update: (done, of) => {
      bar.setTotal(Math.max(1, of));
      bar.update(done);
    },
    stop: () => bar.stop(),
  };
}
