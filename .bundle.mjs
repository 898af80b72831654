import { build } from 'esbuild';
import { builtinModules } from 'node:module';
const builtins = {
  name: 'builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path, namespace }) => namespace === 'builtin' ? { path, external: true } : { path, namespace: 'builtin', sideEffects: false });
    onLoad({ filter: /.*/, namespace: 'builtin' }, async ({ path }) => {
      const names = Object.keys(await import(path)).filter((n) => n !== 'default');
      return { contents: `const m = require(${JSON.stringify(path)}); export default m; ${names.map((n) => `export const ${n} = m.${n};`).join('\n')}` };
    });
  },
};
const r = await build({ entryPoints: ['src/cli/vqmail.ts'], bundle: true, platform: 'node', target: 'node20', format: 'cjs', packages: 'external', external: ['./every-command.js'], define: { 'import.meta.url': '__filename' }, outfile: 'dist/src/cli/vqmail.cjs', sourcemap: true, sourcesContent: false, plugins: [builtins], metafile: true });
