import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { request as secureRequest } from 'node:https';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  type Quiver,
  type QuiverOptions,
  RUNTIME_COMMANDS,
  type RuntimeName,
  runQuiver,
  startQuiver,
} from './start-quiver.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quiver-serve-'));
});
afterAll(async () => rm(folder, { recursive: true }));

const started: Quiver[] = [];
async function start(options: QuiverOptions): Promise<Quiver> {
  const quiver = await startQuiver(options);
  started.push(quiver);
  return quiver;
}
afterEach(async () => {
  for (const quiver of started.splice(0)) await quiver.kill();
});

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** A raw connection: sends data, and collects what is received. */
async function rawConnection(url: string): Promise<{ socket: Socket; received: () => string }> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let received = '';
  socket.setEncoding('utf8').on('data', (text) => {
    received += text;
  });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return { socket, received: () => received };
}

async function raw(url: string, text: string): Promise<string> {
  const { socket, received } = await rawConnection(url);
  const closed = once(socket, 'close');
  socket.write(text);
  await closed;
  return received();
}

/** Serves on a terminal of its own until the banner is there. @returns all that was printed */
async function bannerOnTerminal(runtime: RuntimeName, dataDir: string): Promise<string> {
  const [command, main] = RUNTIME_COMMANDS[runtime];
  const line = `exec '${command}' '${main}' serve --port 0 --workers 1 --data '${dataDir}'`;
  const terminal = spawn('script', ['--quiet', '--command', line, '/dev/null'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let printed = '';
  terminal.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const ended = once(terminal, 'close');
  await vi.waitFor(() => expect(printed).toMatch(/^Admin token .*\r?\n/m), { timeout: 60_000, interval: 50 });
  const children = await readFile(`/proc/${terminal.pid}/task/${terminal.pid}/children`, 'utf8');
  const [server] = children.trim().split(' ').map(Number);
  process.kill(server!, 'SIGTERM');
  await ended;
  return printed;
}

describe.each<RuntimeName>(['bun', 'node'])('quiver serve on %s', (runtime) => {
  test('takes a free port, and prints its address and where the admin token is, but not the token', async () => {
    const dataDir = join(folder, `first-${runtime}`);
    const first = await start({ runtime, dataDir });
    expect(first.stdout()).toMatch(
      /^Quiver +\d+\.\d+\.\d+ on (Bun|Node) \d\S+\nAPI +http:\/\/127\.0\.0\.1:[1-9]\d*\nDocs +\S+\/docs\n/,
    );
    expect(first.stdout()).toMatch(/^Clients +demo\nStore +lmdb in /m);
    const place = `Admin token  in ${join(dataDir, 'admin-token')}\n`;
    expect(first.stdout()).toContain(place);
    expect(first.adminToken.length).toBeGreaterThanOrEqual(16);
    expect(first.stdout() + first.stderr()).not.toContain(first.adminToken);
    expect((await stat(join(dataDir, 'admin-token'))).mode & 0o777).toBe(0o600);
    expect((await fetch(`${first.url}/readyz`)).status).toBe(200);
    expect(await first.stop()).toEqual({ code: 0, signal: null });
    expect(first.stdout() + first.stderr()).not.toContain('\u001b[');

    const second = await start({ runtime, dataDir });
    expect(second.stdout()).not.toContain(first.adminToken);
    expect(second.stdout()).toContain(place);
    expect(second.adminToken).toBe(first.adminToken);
  });

  test.skipIf(spawnSync('script', ['--version']).error)(
    'shows the admin token on a terminal at the first start only (needs script)',
    async () => {
      const dataDir = join(folder, `terminal-${runtime}`);
      const first = await bannerOnTerminal(runtime, dataDir);
      const token = (await readFile(join(dataDir, 'admin-token'), 'utf8')).trim();
      expect(first).toContain(`Admin token  ${token} (shown this once, kept in ${dataDir}/admin-token)`);
      const second = await bannerOnTerminal(runtime, dataDir);
      expect(second).toContain(`Admin token  in ${dataDir}/admin-token`);
      expect(second).not.toContain(token);
    },
  );

  test('reports a port in use with one line and exit code 1, even when another Quiver has it', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const ended = await runQuiver(['serve', '--port', `${port}`, '--data', join(folder, 'busy')], {
      runtime,
    });
    other.close();
    // Checked first, so nothing was created for a server that cannot start.
    expect(existsSync(join(folder, 'busy'))).toBe(false);
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(ended.stderr).toBe(
      `quiver: port ${port} on 127.0.0.1 is in use by another program; choose another with --port\n`,
    );

    const quiver = await start({ runtime });
    const same = ['serve', '--port', new URL(quiver.url).port, '--data', join(folder, 'busy')];
    expect(await runQuiver(same, { runtime })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^quiver: port \d+ on 127.0.0.1 is in use by another Quiver server \(process \d+\)[^\n]*\n$/,
      ),
    });
  });

  test('serves one port and one store with all workers, and sums their metrics', async () => {
    const quiver = await start({ runtime, flags: ['--workers', '3'] });
    expect(await quiver.workers()).toHaveLength(3);
    for (let at = 0; at < 30; at += 1) {
      // Separate connections, so that the workers share the load.
      await fetch(`${quiver.url}/healthz`, { headers: { connection: 'close' } });
    }
    const seen = async () => {
      const text = await (await fetch(`${quiver.url}/metrics`)).text();
      return /^http_requests_total\{.*route="\/healthz".*\} (\d+)$/m.exec(text)?.[1];
    };
    expect(await seen()).toBe('30');
    expect(await seen()).toBe('30');
  });

  test('replaces a worker that dies, and answers requests meanwhile', async () => {
    const quiver = await start({ runtime, flags: ['--workers', '2'] });
    const before = await quiver.workers();
    process.kill(before[0]!, 'SIGKILL');
    await vi.waitFor(
      async () => {
        const now = await quiver.workers();
        expect(now).toHaveLength(2);
        expect(now).not.toContain(before[0]);
      },
      { timeout: 10_000, interval: 50 },
    );
    await vi.waitFor(async () => expect((await fetch(`${quiver.url}/readyz`)).status).toBe(200), 5000);
    expect(quiver.stderr()).toMatch(/"signal":"SIGKILL".*a worker died/);
    expect(await quiver.stop()).toEqual({ code: 0, signal: null });
  });

  test('at SIGTERM answers a request in flight, ignores silent connections, and ends with exit code 0', async () => {
    const quiver = await start({ runtime, flags: ['--workers', '1'] });
    const silent = await rawConnection(quiver.url);
    const { socket, received } = await rawConnection(quiver.url);
    const body = JSON.stringify({ context: { channel: 'web' } });
    const head = `POST /rest/v1/delivery?client=demo&sessionId=s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    // The `100 Continue` shows that the request has reached the server, while its body has not.
    socket.write(head.replace('\r\n\r\n', '\r\nExpect: 100-continue\r\n\r\n'));
    await vi.waitFor(() => expect(received()).toMatch(/^HTTP\/1\.1 100 /), 5000);
    const workers = await quiver.workers();
    const stopping = quiver.stop();
    await vi.waitFor(() => expect(quiver.stderr()).toContain('"stopping"'), 5000);
    await vi.waitFor(async () => {
      const late = fetch(`${quiver.url}/healthz`, { headers: { connection: 'close' } });
      await expect(late).rejects.toThrow();
    }, 5000);
    socket.write(body);
    expect(await stopping).toEqual({ code: 0, signal: null });
    expect(received()).toContain('HTTP/1.1 200 OK');
    expect(received()).toContain('"tntId"');
    expect(workers.filter(isAlive)).toEqual([]);
    silent.socket.destroy();
  });

  test('ends at once at a second signal, with an exit code that says so', async () => {
    const quiver = await start({ runtime, flags: ['--workers', '1'] });
    const { socket, received } = await rawConnection(quiver.url);
    socket.write(
      'POST /rest/v1/delivery?sessionId=s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n',
    );
    await vi.waitFor(() => expect(received()).toMatch(/^HTTP\/1\.1 100 /), 5000);
    const [worker] = await quiver.workers();
    process.kill(quiver.pid, 'SIGINT');
    await vi.waitFor(() => expect(quiver.stderr()).toContain('"stopping"'), 5000);
    // Signals within half a second are one; so the second is sent until it counts, and on until the
    // end, where none may change the exit code.
    const repeat = setInterval(() => isAlive(quiver.pid) && process.kill(quiver.pid, 'SIGINT'), 5);
    expect(await quiver.ended).toEqual({ code: 1, signal: null });
    clearInterval(repeat);
    expect(isAlive(worker!)).toBe(false);
    socket.destroy();
  });

  test('has workers that end by themselves when their supervisor was killed', async () => {
    const quiver = await start({ runtime, flags: ['--workers', '2'] });
    const workers = await quiver.workers();
    onTestFinished(() => {
      for (const worker of workers.filter(isAlive)) process.kill(worker, 'SIGKILL');
    });
    process.kill(quiver.pid, 'SIGKILL');
    await vi.waitFor(() => expect(workers.filter(isAlive)).toEqual([]), { timeout: 10_000, interval: 50 });
  });

  // Node cannot create a certificate by itself.
  test.skipIf(spawnSync('openssl', ['version']).error)(
    'serves https from PEM files (needs openssl)',
    async () => {
      const { cert, key } = await certificate();
      const quiver = await start({ runtime, flags: ['--tls-cert', cert, '--tls-key', key] });
      expect(quiver.url).toMatch(/^https:/);
      const ca = await readFile(cert, 'utf8');
      const answer = secureRequest(`${quiver.url}/readyz`, {
        ca,
        servername: 'localhost',
        agent: false,
      }).end();
      const [response] = await once(answer, 'response');
      expect(response.statusCode).toBe(200);
      response.resume();
      await once(response, 'end');
      expect(await quiver.stop()).toEqual({ code: 0, signal: null });
    },
  );

  test.each([
    ['two Host headers', 'GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n', 400, ''],
    ['a Host that is no name', 'GET /healthz HTTP/1.1\r\nHost: a b/c\r\nConnection: close\r\n\r\n', 400, ''],
    ['HTTP/1.0 without a Host', 'GET /rest/v1/profiles/x HTTP/1.0\r\n\r\n', 404, 'client demo with mboxPC=x'],
    [
      'a target with another host than the Host header',
      'GET http://acme.localhost/rest/v1/profiles/x HTTP/1.1\r\nHost: demo.localhost\r\nConnection: close\r\n\r\n',
      400,
      'target: its host must be that of the Host header',
    ],
    [
      'a target with the host of the Host header',
      'GET http://acme.localhost/healthz HTTP/1.1\r\nHost: acme.localhost\r\nConnection: close\r\n\r\n',
      200,
      'ok',
    ],
    [
      'a URL over 8 KB, which the route itself refuses',
      `GET /m2/demo/profile/update?mboxPC=x&profile.a=${'y'.repeat(9000)} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
      414,
      '<success>false</success>',
    ],
    [
      'a chunked body over its bound, which the route itself refuses',
      `POST /m2/demo/profile/update?mboxPC=x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n11170\r\n${'y'.repeat(70_000)}\r\n0\r\n\r\n`,
      413,
      '<success>false</success>',
    ],
  ])('answers on the wire: %s', async (_, text, status, content) => {
    const quiver = await shared(runtime);
    const answer = await raw(quiver.url, text);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.[01] ${status} `));
    expect(answer).toContain(content);
  });

  const sharedServers = new Map<RuntimeName, Promise<Quiver>>();
  /** One server for the tests that only read from it. */
  async function shared(name: RuntimeName): Promise<Quiver> {
    const running = sharedServers.get(name) ?? startQuiver({ runtime: name, flags: ['--workers', '1'] });
    sharedServers.set(name, running);
    return running;
  }
  afterAll(async () => {
    for (const quiver of sharedServers.values()) await (await quiver).stop();
  });
});

test('npm start stops its server when only npm gets a SIGTERM', async () => {
  const dataDir = join(folder, 'npm-start');
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  const args = ['start', '--', '--port', '0', '--workers', '1', '--data', dataDir];
  const npm = spawn('npm', args, { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  npm.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const lineOf = (word: string) => log.split('\n').find((line) => line.includes(`"msg":"${word}"`));
  await vi.waitFor(() => expect(lineOf('serving')).toBeDefined(), 30_000);
  const { pid } = JSON.parse(lineOf('serving')!) as { pid: number };
  onTestFinished(() => void (isAlive(pid) && process.kill(pid, 'SIGTERM')));
  npm.kill('SIGTERM');
  await vi.waitFor(() => expect(isAlive(pid)).toBe(false), 5000);
  expect(lineOf('stopped')).toContain('"exitCode":0');
});

describe('the command line', () => {
  test.each<[string, string[], Record<string, string>, RegExp]>([
    ['an unknown flag', ['serve', '--prot', '1'], {}, /unknown option '--prot'/],
    ['a flag without its value', ['serve', '--port'], {}, /'--port <port>' argument missing/],
    [
      'a bad value',
      ['serve', '--port', 'abc'],
      {},
      /--port: must be a whole number from 0 to 65535, not "abc"/,
    ],
    ['a bad variable', ['serve'], { QUIVER_WORKERS: '0' }, /--workers: .*\(from QUIVER_WORKERS\)/],
    ['a file that is not there', ['serve', '--config', '/nowhere/quiver.json'], {}, /--config: cannot read/],
    [
      'a certificate that is not there',
      ['serve', '--tls-cert', '/no/c', '--tls-key', '/no/k'],
      {},
      /--tls-cert: /,
    ],
    [
      'a store that is none, whose text may hold a password',
      ['serve', '--store', 'redis://user:secret@h'],
      {},
      /--store: must be lmdb or redis:\/\/host:port,…(?!.*secret)/,
    ],
    ['a word too many', ['serve', 'now'], {}, /too many arguments/],
    ['an unknown command', ['sreve'], {}, /unknown command 'sreve'/],
  ])('reports %s in one line that names it, with exit code 2', async (_, args, env, line) => {
    const ended = await runQuiver(args, { env });
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toMatch(line);
    expect(ended.stderr).toMatch(/^quiver: [^\n]+\n$/);
  });

  test('shows every value of the configuration with its origin, and no secret', async () => {
    const file = join(folder, 'quiver.json');
    await writeFile(file, JSON.stringify({ cluster: 28 }));
    const env = { QUIVER_NODE: '20', QUIVER_ADMIN_TOKEN: 'a-secret-nobody-sees' };
    const { code, stdout } = await runQuiver(['config', '--port', '9000', '--config', file], { env });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^port +flag +9000$/m);
    expect(stdout).toMatch(/^node +variable +20$/m);
    expect(stdout).toMatch(/^cluster +file +28$/m);
    expect(stdout).toMatch(/^host +default +127\.0\.0\.1$/m);
    expect(stdout).toMatch(/^QUIVER_ADMIN_TOKEN +variable +\(set\)$/m);
    expect(stdout).not.toContain('nobody-sees');
  });

  test.each([[['--help']], [['serve', '--help']], [['config', '--help']]])(
    '%j has examples',
    async (args) => {
      const { code, stdout, stderr } = await runQuiver(args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/^Examples:\n +(QUIVER_\S+ )?quiver /m);
    },
  );

  test('reports a data folder that cannot be created in one line, with exit code 2', async () => {
    const file = join(folder, 'a-file');
    await writeFile(file, '');
    const ended = await runQuiver(['serve', '--data', join(file, 'data')]);
    expect(ended).toMatchObject({ code: 2, stderr: expect.stringMatching(/^quiver: --data: [^\n]+\n$/) });
  });
});

/** A self-signed certificate for localhost. */
async function certificate(): Promise<{ cert: string; key: string }> {
  const cert = join(folder, 'cert.pem');
  const key = join(folder, 'key.pem');
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const kind = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
  ];
  execFileSync('openssl', [...kind, ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  await chmod(key, 0o600);
  return { cert, key };
}
