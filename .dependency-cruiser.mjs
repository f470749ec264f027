/**
 * The layers of the server, lowest first. An import may go down or stay in its folder, never up.
 *
 *   errors, domain ← storage ← service, wire ← features ← http ← server.ts ← sandbox ← recording
 *   ← cli ← main.ts
 *
 * config, locks, runtime, background.ts and log.ts stand beside these.
 */
const src = '^packages/server/src';
const FEATURES = [
  'profiles',
  'delivery',
  'batches',
  'access',
  'metering',
  'admin',
  'edges',
  'scripts',
  'journal',
  'merges',
  'portability',
  'changes',
  'privacy',
  'audit',
];

/** Forbids `from` to import anything of `src` but itself and `allowed`. */
const floor = (name, from, allowed) => ({
  name: `floor-${name}`,
  severity: 'error',
  from: { path: `${src}/${from}` },
  to: { path: src, pathNot: [from, ...allowed].map((path) => `${src}/${path}`) },
});

const later = 'now-or-later\\.ts$';
const ground = ['errors\\.ts$', 'domain/', later];
/** Where files beside the program are: in the package's folder, or in a single executable. */
const embedded = '(embedded|package-folder)\\.ts$';

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    { name: 'no-circle', severity: 'error', from: {}, to: { circular: true } },
    floor('domain', 'domain/', []),
    floor('errors', 'errors\\.ts$', []),
    floor('config', 'config/', ['domain/']),
    floor('locks', 'locks/', []),
    floor('connection', 'connection/', ['errors\\.ts$', later, 'wire/request\\.ts$']),
    floor('runtime', 'runtime/', ['connection/', 'locks/', embedded, later]),
    floor('storage', 'storage/', [...ground, 'locks/', '(log|background)\\.ts$']),
    floor('wire', 'wire/', [...ground, 'config/']),
    floor('service', 'service/', [...ground, 'storage/(kept/)?[^/]+$', 'log\\.ts$']),
    ...FEATURES.map((feature) =>
      floor(feature, `${feature}/`, [
        ...ground,
        'service/',
        'storage/(kept/)?[^/]+$',
        'wire/',
        'config/',
        '(log|background|embedded)\\.ts$',
      ]),
    ),
    floor('parts', 'parts\\.ts$', [
      ...ground,
      'service/',
      'storage/(kept/)?[^/]+$',
      'log\\.ts$',
      ...FEATURES.map((feature) => `${feature}/`),
    ]),
    floor('http', 'http/', [
      'parts\\.ts$',
      ...ground,
      'service/',
      embedded,
      'storage/(kept/)?[^/]+$',
      'wire/',
      'config/',
      'log\\.ts$',
      ...FEATURES.map((feature) => `${feature}/`),
    ]),
    floor('sandbox', 'sandbox/', [
      'parts\\.ts$',
      ...ground,
      'service/',
      'storage/(kept/)?[^/]+$',
      'wire/',
      'config/',
      'runtime/',
      'locks/',
      '(log|background|version|server)\\.ts$',
      ...FEATURES.map((feature) => `${feature}/`),
      'http/',
    ]),
    floor('recording', 'recording/', [
      ...ground,
      'wire/',
      'runtime/',
      'log\\.ts$',
      'journal/',
      'sandbox/(start-sandbox|public-types)\\.ts$',
    ]),
    {
      name: 'engines-are-named-in-server-alone',
      severity: 'error',
      from: { path: src, pathNot: [`${src}/storage/(lmdb|redis)/`, `${src}/server\\.ts$`] },
      to: { path: `${src}/storage/(lmdb|redis)/` },
    },
    {
      name: 'bytes-of-attributes-stay-behind-their-face',
      severity: 'error',
      from: { path: src, pathNot: `${src}/domain/` },
      to: { path: `${src}/domain/attributes/` },
    },
    {
      name: 'nothing-that-ships-imports-tests',
      severity: 'error',
      from: { path: src, pathNot: '(\\.test\\.ts$|/conformance/)' },
      to: { path: '(\\.test\\.ts$|/conformance/|^packages/server/test/)' },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: ['.ts', '.mjs', '.js', '.json'],
      conditionNames: ['import', 'node', 'default'],
      exportsFields: ['exports'],
    },
  },
};
