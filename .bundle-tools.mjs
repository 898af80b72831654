// The last step of `npm run build`: makes one file of the tools of each folder of src/cli, and one of the way into the program, which picks among them (src/cli/vqmail.ts says why).
// Names stay as they are, and a map leads from each line to the sources, so that a stack trace can be read.

import { readdirSync } from 'node:fs';
import { build } from 'esbuild';

const cli = 'src/cli';
const folders = readdirSync(cli, { recursive: true }).filter((name) => /^[^/]+\/tools\.ts$/.test(name));
const programs = folders.map((name) => [name.replace('/tools.ts', '-tools'), `${cli}/${name}`]);

/**
 * Modules of node, each loaded when something of it is used: many are needed for rare cases alone. esbuild would load all at once, and copy them for every module that imports them, which
 * takes as long as the rest of a tool's start.
 */
const modulesOfNode = {
  name: 'modules of node',
  setup({ onResolve, onLoad }) {
    const namespace = 'node';
    onResolve({ filter: /^node:/ }, ({ path, namespace: from }) =>
      from === namespace ? { external: true } : { path, namespace },
    );
    onLoad({ filter: /^/, namespace }, ({ path }) => ({
      contents: `let it; module.exports = { __proto__: new Proxy({}, { get: (_, name) => (it ??= require('${path}'))[name] }) };`,
    }));
  },
};

await build({
  entryPoints: { vqmail: `${cli}/vqmail.ts`, ...Object.fromEntries(programs) },
  outdir: `dist/${cli}`,
  outExtension: { '.js': '.cjs' },
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  external: ['./every-command.js'],
  define: { 'import.meta.url': '__filename' },
  plugins: [modulesOfNode],
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
});
