/**
 * The built pages: `/console/` for administrators, and `/docs`, the description of the API. The
 * server reads them once and keeps them in memory.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';
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
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Whether the bytes are compressed with Brotli, as scripts and styles are. */
  readonly isBrotli: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The pages and their files. Every other path under `/console/` is one of the console's own links
 * and gets its page.
 *
 * @param folder where the built console is; the one of this package by default
 */
export function consoleRoutes(folder = BUILT): Route[] {
  const page = pagesOf(folder);
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
      path: '/docs',
      describe: {
        tags: ['Running it'],
        summary: 'The description of the API as a page, with a form for each call',
        responses: {
          200: {
            description: 'HTML',
            content: { 'text/html': { schema: z.string(), example: '<!doctype html>' } },
          },
        },
      },
      handle: (call) => page(call, 'docs.html'),
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
        const name = call.sentParam('path')!;
        return page(call, name, name.startsWith('assets/') ? undefined : 'index.html');
      },
    },
  ];
}

/**
 * @returns a function that replies with a file, or with the one called `otherwise` if that is
 * missing
 */
function pagesOf(folder: string): (call: Call, name: string, otherwise?: string) => Reply {
  let built: ReadonlyMap<string, BuiltFile> | undefined;
  return (call, name, otherwise) => {
    // A console that is missing may still be built while the server runs; once read, it stays the
    // same until the next start.
    built ??= readBuilt(embedded()?.consoleFiles ?? filesIn(folder));
    if (!built) return new Reply(NOT_BUILT, 404, { ...SECURITY, 'content-type': 'text/plain;charset=UTF-8' });
    const file = built.get(name) ?? (otherwise === undefined ? undefined : built.get(otherwise));
    // A missing file must not return the page: a browser would read HTML as a script.
    if (file === undefined) throw new QuiverError('not-found', `No such path: ${call.path}`);
    return fileReply(file, call);
  };
}

function fileReply({ bytes, isBrotli, headers }: BuiltFile, { request }: Call): Reply {
  if (!isBrotli) return new Reply(bytes, 200, headers);
  const takesBrotli = /\bbr\b/.test(request.headers.get('accept-encoding') ?? '');
  return takesBrotli
    ? new Reply(bytes, 200, { ...headers, 'content-encoding': 'br' })
    : new Reply(new Uint8Array(brotliDecompressSync(bytes)), 200, headers);
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

/** All built files by their path. Undefined when the console's page is missing. */
function readBuilt(places: ReadonlyMap<string, string>): ReadonlyMap<string, BuiltFile> | undefined {
  if (!places.has('index.html')) return undefined;
  const files = new Map<string, BuiltFile>();
  for (const [place, file] of places) {
    const isBrotli = place.endsWith('.br');
    const name = isBrotli ? place.slice(0, -'.br'.length) : place;
    files.set(name, {
      bytes: new Uint8Array(readFileSync(file)),
      isBrotli,
      headers: {
        ...SECURITY,
        'content-type': TYPES[name.split('.').at(-1) ?? ''] ?? 'application/octet-stream',
        // The names of files under assets/ change with their content.
        'cache-control': name.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-store',
        ...(isBrotli && { vary: 'Accept-Encoding' }),
      },
    });
  }
  return files;
}
