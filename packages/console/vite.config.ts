import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

/**
 * Built into the server's own `dist`, so that a checkout and an installed package find it in the
 * same place.
 */
export default defineConfig({
  base: '/console/',
  plugins: [react(), compressed()],
  build: {
    outDir: '../server/dist/console',
    emptyOutDir: true,
    // Nothing may be inlined: the content policy lets no inline script, style or font in.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: ['index.html', 'docs.html'].map((page) => fileURLToPath(new URL(page, import.meta.url))),
    },
    // The viewer of the API description; nothing else loads it.
    chunkSizeWarningLimit: 2000,
  },
  server: {
    // `npm run dev` beside a running server: the page from here, the API from there.
    proxy: { '^/(console/session|requests|sandbox|rest|m2|[^/]+/target)(/|$|\\?)': 'http://127.0.0.1:8680' },
  },
});

/**
 * Keeps scripts and styles as Brotli alone, which every browser takes: a fifth of the bytes in the
 * package and in the server's memory. The server unpacks them for anyone else.
 */
function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    enforce: 'post',
    generateBundle: {
      // After Vite has filled its own placeholders in for chunks that are loaded later.
      order: 'post',
      handler(_, bundle) {
        for (const [name, file] of Object.entries(bundle)) {
          if (!/\.(js|css)$/.test(name)) continue;
          const text = file.type === 'chunk' ? file.code : file.source;
          this.emitFile({ type: 'asset', fileName: `${name}.br`, source: brotliCompressSync(text) });
          delete bundle[name];
        }
      },
    },
  };
}
