import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** Built into the server's own `dist`, so that a checkout and an installed package find it in the same place. */
export default defineConfig({
  base: '/console/',
  plugins: [react()],
  build: {
    outDir: '../server/dist/console',
    emptyOutDir: true,
    // Nothing may be inlined: the content policy lets no inline script, style or font in.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    // `npm run dev` beside a running server: the page from here, the API from there.
    proxy: { '^/(console/session|requests|sandbox|rest|m2|[^/]+/target)(/|$|\\?)': 'http://127.0.0.1:8680' },
  },
});
