/**
 * `/console/`: the built pages for administrators; the server reads them once and keeps them in
 * memory.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';
import { embedded } from '../embedded.ts';
import { QuiverError } from '../errors.ts';
import { PACKAGE_FOLDER } from '../package-folder.ts';
import type { Call } from '../wire/call.ts';
import { Reply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';

const BUILT = fileURLToPath(new URL('dist/console', PACKAGE_FOLDER));
const PREFIX = '/console/';

const SECURITY = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
} as const;

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html;charset=UTF-8',
  js: 'text/javascript;charset=UTF-8',
  css: 'text/css;charset=UTF-8',
  svg: 'image/svg+xml',
  json: 'application/json',
};
const NOT_BUILT =
  'The console is not built. In a checkout, npm start builds it; or run: npm run build -w packages/console\n';

interface BuiltFile {
  readonly plain: Uint8Array<ArrayBuffer>;
  readonly brotli: Uint8Array<ArrayBuffer>;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The console's page and its files. Every other path under `/console/` is one of the page's own
 * links and gets the page.
 *
 * @param folder where the built console is; the one of this package by default
 */
export function consoleRoutes(folder = BUILT): Route[] {
  let built: ReadonlyMap<string, BuiltFile> | undefined;
  const shared = { method: 'GET', guard: 'open', style: 'plain', cors: 'none', scope: 'server' } as const;

  return [
    {
      ...shared,
      path: '/console',
      describe: {
        tags: ['Console'],
        summary: 'Redirects to the console',
        responses: { 308: { description: 'To `/console/`' } },
      },
      handle: () => new Reply(null, 308, { location: PREFIX }),
    },
    {
      ...shared,
      path: '/console/{path*}',
      describe: {
        tags: ['Console'],
        summary: 'The console, a page for administrators',
        responses: {
          200: {
            description: 'The page, or one of its files',
            content: { 'text/html': { schema: z.string(), example: '<!doctype html>' } },
          },
          404: { description: 'No such file' },
        },
      },
      handle(call) {
        // A console that is missing may still be built while the server runs; once read, it stays
        // the same until the next start.
        built ??= readBuilt(embedded()?.consoleFiles ?? filesIn(folder));
        if (!built)
          return new Reply(NOT_BUILT, 404, { ...SECURITY, 'content-type': 'text/plain;charset=UTF-8' });
        return fileReply(built, call);
      },
    },
  ];
}

function fileReply(built: ReadonlyMap<string, BuiltFile>, call: Call): Reply {
  const { path, request } = call;
  const name = call.sentParam('path')!;
  // A missing file must not return the page: a browser would read HTML as a script.
  if (name.startsWith('assets/') && !built.has(name))
    throw new QuiverError('not-found', `No such path: ${path}`);
  const { plain, brotli, headers } = built.get(name) ?? built.get('index.html')!;
  return /\bbr\b/.test(request.headers.get('accept-encoding') ?? '')
    ? new Reply(brotli, 200, { ...headers, 'content-encoding': 'br' })
    : new Reply(plain, 200, headers);
}

/** The location of each built file, by its path within the console. */
function filesIn(folder: string): ReadonlyMap<string, string> {
  if (!existsSync(folder)) return new Map();
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return new Map(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => [file.slice(folder.length + 1).replaceAll('\\', '/'), file]),
  );
}

/**
 * All built files by their path; a few hundred kilobytes, compressed once. Undefined when the page
 * itself is missing.
 */
function readBuilt(places: ReadonlyMap<string, string>): ReadonlyMap<string, BuiltFile> | undefined {
  if (!places.has('index.html')) return undefined;
  const files = new Map<string, BuiltFile>();
  for (const [name, file] of places) {
    const plain = new Uint8Array(readFileSync(file));
    const packed = brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 6 } });
    files.set(name, {
      plain,
      brotli: new Uint8Array(packed),
      headers: {
        ...SECURITY,
        'content-type': TYPES[name.split('.').at(-1) ?? ''] ?? 'application/octet-stream',
        // The names of files under assets/ change with their content.
        'cache-control': name.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-store',
        vary: 'Accept-Encoding',
      },
    });
  }
  return files;
}
