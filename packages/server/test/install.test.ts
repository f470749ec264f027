/**
 * The ways to install, on a machine that has never seen the repository: a copy of the checked-in
 * files in an empty folder, where the steps of the Dockerfile, the workflows and the guides run.
 * Needs the npm registry, as every user does.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { until } from './until.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const TSC = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
const STEP_MS = 300_000;

let folder: string;
/** The folder of this test that stands for a path in the Dockerfile. */
const at = (path: string) => join(folder, path);

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** The admin token of the test's sandbox. */
const ADMIN_TOKEN = 'an-admin-token-for-tests';

function launch(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}) {
  // A new machine does not have what vitest and npm have set for this process.
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|QUIVER_|VITEST|NODE_)/i.test(name),
  );
  const child = spawn(command, args, {
    cwd,
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
  return { child: child as ChildProcess, ended, output: () => output };
}

/**
 * Runs a command that must succeed.
 * @returns what it printed
 */
async function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env?: NodeJS.ProcessEnv,
): Promise<string> {
  const { code, output } = await launch(command, args, cwd, env).ended;
  expect(code, `${command} ${args.join(' ')}\n${output}`).toBe(0);
  return output;
}

/** One instruction of a Dockerfile. */
interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** The stages of the Dockerfile, each starting with its FROM. */
function stagesOf(text: string): Instruction[][] {
  const lines = text
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, ' ')
    .split('\n');
  const instructions = lines.filter(Boolean).map((line) => {
    const [, name = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line.trim()) ?? [];
    return { name, text: rest };
  });
  const stages: Instruction[][] = [];
  for (const one of instructions) {
    if (one.name === 'FROM') stages.push([]);
    stages.at(-1)?.push(one);
  }
  return stages;
}

/** Replaces folders of the image with folders of this test. */
function here(text: string): string {
  return text.replace(
    /(^|[\s"'=])\/(src|packed|app|data)\b/g,
    (_, before: string, name: string) => before + at(name),
  );
}

/** Copies what `COPY . .` copies: everything that is not in .dockerignore. */
function copyCheckout(to: string): void {
  const ignored = readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n').filter(Boolean);
  const anywhere = new Set(ignored.filter((line) => line.startsWith('**/')).map((line) => line.slice(3)));
  cpSync(ROOT, to, {
    recursive: true,
    filter(source) {
      const path = relative(ROOT, source);
      return !(ignored.includes(path) || anywhere.has(basename(path)) || path.endsWith('.tgz'));
    },
  });
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'quiver-install-'));
  copyCheckout(at('src'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('before setup, the command of a checkout says what to run', async () => {
  const { code, output } = await launch(process.execPath, ['bin/quiver.mjs', 'get', 'crm-1'], at('src'))
    .ended;
  expect([code, output]).toEqual([1, 'quiver: this checkout is not set up yet. Run: npm start\n']);
});

describe('the container', () => {
  const [build = [], final = []] = stagesOf(readFileSync(join(ROOT, 'Dockerfile'), 'utf8'));
  const textOf = (name: string) => final.find((one) => one.name === name)?.text ?? '';
  const command = (text: string) => JSON.parse(here(text)) as string[];

  test('builds in a clean folder with every step of its file', { timeout: 2 * STEP_MS }, async () => {
    let cwd = folder;
    const seen = new Set<string>();
    for (const { name, text } of build) {
      seen.add(name);
      if (name === 'WORKDIR') {
        cwd = here(text);
        mkdirSync(cwd, { recursive: true });
      } else if (name === 'RUN') await run('sh', ['-ec', here(text)], cwd);
      else if (name === 'COPY') expect([text, cwd]).toEqual(['. .', at('src')]);
    }
    expect([...seen].sort()).toEqual(['COPY', 'FROM', 'RUN', 'WORKDIR']);
  });

  test.each(['SIGTERM', 'SIGINT'] as const)(
    'serves as configured, and ends at %s to process 1',
    async (signal) => {
      const [program = '', ...args] = [...command(textOf('ENTRYPOINT')), ...command(textOf('CMD'))];
      const settings = Object.fromEntries(
        [...here(textOf('ENV')).matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name!, value!]),
      );
      expect(settings).toEqual({ QUIVER_HOST: '0.0.0.0', QUIVER_DATA: at('data') });
      // Only on this machine, and on a free port.
      const env = { ...settings, QUIVER_HOST: '127.0.0.1', QUIVER_PORT: '0', QUIVER_WORKERS: '1' };
      const server = launch(program, args, '/', env);
      onTestFinished(() => void server.child.kill('SIGKILL'));
      await until('it serves', async () => server.output().includes('Admin token'));
      expect(server.output()).toMatch(/^Quiver +\S+ on Bun /m);
      const url = /^API +(\S+)$/m.exec(server.output())![1]!;
      const [check = '', ...checked] = command(/CMD (\[.*\])/.exec(textOf('HEALTHCHECK'))![1]!);
      expect(await run(check, checked, '/', { QUIVER_URL: url })).toBe('ready\n');
      server.child.kill(signal);
      expect(await server.ended).toMatchObject({ code: 0 });
      expect((await launch(check, checked, '/', { QUIVER_URL: url }).ended).code).not.toBe(0);
    },
  );

  test('runs as an unprivileged user, and keeps its data in the volume', () => {
    expect(textOf('USER')).toMatch(/^[1-9]\d+:[1-9]\d+$/);
    expect(textOf('VOLUME')).toBe('/data');
    expect(final.find((one) => one.name === 'COPY' && one.text.includes('/data'))?.text).toContain(
      `--chown=${textOf('USER')}`,
    );
  });
});

describe('the published packages', () => {
  let installed: string;
  beforeAll(async () => {
    installed = at('installed');
    // As in the workflows, with the packages made by the container's steps.
    const script = join(at('src'), 'scripts', 'install-packed.mjs');
    await run(process.execPath, [script, installed, '--packed', at('packed')], at('src'));
  }, STEP_MS);

  /** Compiles a new user's test in the installed folder, in strict mode. */
  async function compile(name: string, ...more: string[]): Promise<void> {
    const source = fileURLToPath(new URL(`./${name}.ts.txt`, import.meta.url));
    cpSync(source, join(installed, `${name}.test.ts`));
    await compileFile(`${name}.test.ts`, ...more);
  }

  async function compileFile(file: string, ...more: string[]): Promise<void> {
    const strict = '--strict --exactOptionalPropertyTypes --target es2023 --module nodenext --types node';
    const types = ['--lib', 'es2023,dom', '--typeRoots', join(ROOT, 'node_modules', '@types')];
    await run(process.execPath, [TSC, ...strict.split(' '), ...types, ...more, file], installed);
  }

  test('contain what users need and nothing else', () => {
    for (const name of ['quiver-server', 'quiver-client']) {
      const root = join(installed, 'node_modules', name);
      const files = readdirSync(root, { recursive: true, encoding: 'utf8' });
      expect(files).toEqual(
        expect.arrayContaining(['LICENSE', 'README.md', 'dist/index.js', 'dist/index.d.ts']),
      );
      expect(files.filter((file) => /\.map$|\.test\.|conformance|(^|\/)src\/|\.built$/.test(file))).toEqual(
        [],
      );
    }
    const server = join(installed, 'node_modules/quiver-server/dist');
    expect(existsSync(join(server, 'console/index.html'))).toBe(true);
    expect(readFileSync(join(server, 'LICENSES.txt'), 'utf8')).toMatch(
      /^commander \d.*\n\n\(The MIT License\)/m,
    );
  });

  test('contain every path that they export', () => {
    for (const name of ['quiver-server', 'quiver-client']) {
      const root = join(installed, 'node_modules', name);
      const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: object };
      const paths = Object.values(exports).flatMap((one: string | object) =>
        typeof one === 'string' ? [one] : Object.values(one),
      );
      expect(paths.length).toBeGreaterThan(2);
      for (const path of paths) expect(existsSync(join(root, path)), path).toBe(true);
    }
  });

  test('take less than 25 MB without Bun', () => {
    const modules = join(installed, 'node_modules');
    const bytes = readdirSync(modules, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
    expect(existsSync(join(modules, 'bun'))).toBe(false);
    expect(bytes).toBeLessThan(25_000_000);
  });

  test('work for a new user who follows the guide', { timeout: STEP_MS }, async () => {
    const smoke = join(ROOT, 'scripts', 'smoke.mjs');
    expect(await run(process.execPath, [smoke, 'npx', 'quiver'], installed)).toContain(
      'all went as it should',
    );
  });

  test('work in a strictly compiled TypeScript test with the client', { timeout: STEP_MS }, async () => {
    const server = launch('npx', ['quiver', 'sandbox', '--port', '0'], installed, {
      QUIVER_ADMIN_TOKEN: ADMIN_TOKEN,
    });
    onTestFinished(() => void server.child.kill('SIGTERM'));
    await until('it serves', async () => /^API +\S+$/m.test(server.output()));
    await compile('new-user');
    const env = {
      QUIVER_URL: /^API +(\S+)$/m.exec(server.output())![1]!,
      QUIVER_TOKEN: ADMIN_TOKEN,
    };
    expect(await run(process.execPath, ['--test', 'new-user.test.js'], installed, env)).toMatch(
      /^# pass 3$/m,
    );
  });

  test('compile and run the examples of the client README', { timeout: STEP_MS }, async () => {
    const server = launch('npx', ['quiver', 'sandbox', '--port', '0'], installed, {
      QUIVER_ADMIN_TOKEN: ADMIN_TOKEN,
    });
    onTestFinished(() => void server.child.kill('SIGTERM'));
    await until('it serves', async () => /^API +\S+$/m.test(server.output()));
    const url = /^API +(\S+)$/m.exec(server.output())![1]!;
    const readme = readFileSync(join(ROOT, 'packages/client/README.md'), 'utf8');
    const [first = '', second = ''] = [...readme.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code]) => code!);
    // Variables that the second example uses.
    const between = `const url = '${url}';
const batchId = (await new QuiverClient({ url, client: 'demo', token: process.env.QUIVER_TOKEN! }).admin.batches())[0]!.id;
`;
    expect(first).toContain("'http://127.0.0.1:8680'");
    const example = first.replace('http://127.0.0.1:8680', url) + between + second;
    writeFileSync(join(installed, 'readme.ts'), example);
    await compileFile('readme.ts');
    const env = { QUIVER_TOKEN: ADMIN_TOKEN };
    expect(await run(process.execPath, ['readme.js'], installed, env)).toBe('france\ncomplete 2 []\n');
  });

  test('let MSW pass calls meant for Adobe to a sandbox', { timeout: STEP_MS }, async () => {
    // MSW 3 needs Node 22.
    const msw = Number(process.versions.node.split('.')[0]) < 22 ? 'msw@2.15.0' : 'msw@3.0.5';
    await run(
      'npm',
      ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', msw],
      installed,
    );
    await compile('new-msw-user', '--skipLibCheck');
    expect(await run(process.execPath, ['--test', 'new-msw-user.test.js'], installed)).toMatch(/^# pass 1$/m);
  });

  test('run the example for jest, and jest ends by itself', { timeout: STEP_MS }, async () => {
    const example = join(ROOT, 'examples', 'jest');
    const { scripts, devDependencies, jest } = JSON.parse(
      readFileSync(join(example, 'package.json'), 'utf8'),
    ) as { scripts: object; devDependencies: { jest: string }; jest: object };
    const project = at('jest');
    mkdirSync(project);
    cpSync(join(example, 'plan.test.mjs'), join(project, 'plan.test.mjs'));
    writeFileSync(join(project, 'package.json'), JSON.stringify({ type: 'module', scripts, jest }));
    const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
    const server = readdirSync(at('packed')).find((name) => /^quiver-server-.*\.tgz$/.test(name))!;
    const packages = [`jest@${devDependencies.jest}`, join(at('packed'), server)];
    await run('npm', ['install', ...options, ...packages], project);
    // Without --forceExit, so that an open handle would keep jest from ending.
    expect(await run('npm', ['test', '--', '--testTimeout', '60000'], project)).toMatch(
      /^Tests: +2 passed, 2 total$/m,
    );
  });

  test('leave nothing running after SIGTERM to npx', async () => {
    const server = launch(
      'npx',
      ['quiver', 'serve', '--port', '0', '--workers', '1', '--data', at('for-npx')],
      installed,
    );
    await until('it serves', async () => server.output().includes('"msg":"serving"'));
    const { pid } = JSON.parse(/^\{.*"msg":"serving".*$/m.exec(server.output())![0]) as { pid: number };
    onTestFinished(() => void (isAlive(pid) && process.kill(pid, 'SIGKILL')));
    server.child.kill('SIGTERM');
    await until('the server has ended', async () => !isAlive(pid));
    expect(server.output()).toContain('"msg":"stopped"');
  });

  test('are released with a list of their parts and checksums', async () => {
    const release = at('release');
    mkdirSync(release);
    const script = (name: string) => join(ROOT, 'scripts', name);
    await run(process.execPath, [script('sbom.mjs'), join(release, 'quiver.cdx.json'), installed], folder);
    const { components } = JSON.parse(readFileSync(join(release, 'quiver.cdx.json'), 'utf8')) as {
      components: { name: string }[];
    };
    expect(components.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['quiver-client', 'lmdb', 'pino', 'zod']),
    );
    await run(process.execPath, [script('checksums.mjs'), release], folder);
    await run('sha256sum', ['--check', '--strict', 'SHA256SUMS'], release);
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    await run(process.execPath, [script('release-version.mjs'), `v${version}`], folder);
    const wrong = await launch(process.execPath, [script('release-version.mjs'), 'v99.0.0'], folder).ended;
    expect(wrong).toMatchObject({ code: 1, output: expect.stringContaining('quiver-client has version') });
  });
});

test('the command of a checkout works after setup', { timeout: STEP_MS }, async () => {
  expect(await run(process.execPath, ['bin/quiver.mjs', '--version'], at('src'))).toMatch(
    /^\d+\.\d+\.\d+\n$/,
  );
});

// Bun's compiler makes it; a user's machine needs neither Bun nor Node.
test('the executable works the same without Node', { timeout: STEP_MS }, async () => {
  await run('npm', ['run', 'build:executable'], at('src'));
  const alone = at('alone');
  mkdirSync(alone);
  cpSync(join(at('src'), 'dist', 'quiver'), join(alone, 'quiver'));
  const smoke = join(ROOT, 'scripts', 'smoke.mjs');
  expect(await run(process.execPath, [smoke, './quiver'], alone, { PATH: alone })).toContain(
    'all went as it should',
  );
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
