/**
 * Unmodified clients on both runtimes. One that is missing on this machine and cannot be installed
 * is left out with a message.
 */

import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { freePorts } from './free-ports.ts';
import { type Quiver, type RuntimeName, startQuiver } from './start-quiver.ts';
import { until } from './until.ts';

const run = promisify(execFile);
const isThere = (program: string) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
const pathOf = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const UPDATED =
  '<response><success>true</success><pcId></pcId><message>Request successfully submitted</message></response>';
const BATCH_BYTES = 45_000_000;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quiver-clients-'));
  const row = `someone,${'x'.repeat(1000)}\n`;
  await writeFile(join(folder, 'batch'), `batch=pcId,a\n${row.repeat(Math.floor(BATCH_BYTES / row.length))}`);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each<RuntimeName>(['bun', 'node'])('clients of Quiver on %s', (runtime) => {
  let quiver: Quiver;
  beforeAll(async () => {
    quiver = await startQuiver({ runtime, flags: ['--workers', '1'] });
    for (const thirdPartyId of ['java', 'python', 'curl']) {
      const body = JSON.stringify({ id: { thirdPartyId }, context: { channel: 'web' } });
      await fetch(`${quiver.url}/rest/v1/delivery?client=demo&sessionId=s`, { method: 'POST', body });
    }
  });
  afterAll(async () => void (await quiver.stop()));

  const attributes = async (id: string) => {
    const answer = await fetch(`${quiver.url}/rest/v1/profiles/thirdPartyId/${id}?client=demo`);
    const { profileAttributes } = (await answer.json()) as {
      profileAttributes: Record<string, { value: string }>;
    };
    return Object.fromEntries(Object.entries(profileAttributes).map(([name, { value }]) => [name, value]));
  };

  test.skipIf(!isThere('javac'))('both clients of the JDK work (needs a JDK)', async () => {
    const { stdout } = await run('java', [pathOf('JavaClients.java'), quiver.url]);
    expect(stdout.trim().split('\n')).toEqual([
      `HttpClient HTTP_1_1 200 ${UPDATED}`,
      `HttpClient HTTP_1_1 200 ${UPDATED}`,
      `HttpURLConnection 200 ${UPDATED}`,
      `HttpURLConnection 200 ${UPDATED}`,
    ]);
    expect(await attributes('java')).toMatchObject({ a: 'two', b: 'three' });
  });

  test.skipIf(!isThere('python3'))("Python's http.client works (needs Python)", async () => {
    const { stdout } = await run('python3', [pathOf('python_client.py'), new URL(quiver.url).host]);
    expect(stdout.trim().split('\n')).toEqual([
      `200 ${UPDATED}`,
      `200 ${UPDATED}`,
      '200 ',
      '404 {"status":404,"message":"No profile found for client demo with mboxPC=nobody"}',
    ]);
    expect(await attributes('python')).toMatchObject({ a: 'one', b: 'two' });
  });

  describe.skipIf(!isThere('curl'))('curl (needs curl)', () => {
    const curl = async (...args: string[]) =>
      (await run('curl', ['-sS', '--max-time', '60', ...args])).stdout;
    const update = () => `${quiver.url}/m2/demo/profile/update?mbox3rdPartyId=curl`;

    test('sends a form, with and without an expectation, and over HTTP/1.0', async () => {
      expect(await curl(update(), '-d', 'profile.a=one')).toBe(UPDATED);
      expect(await curl(update(), '-d', 'profile.b=two', '-H', 'Expect: 100-continue')).toBe(UPDATED);
      expect(await curl(update(), '-d', 'profile.c=three', '--http1.0')).toBe(UPDATED);
      expect(await attributes('curl')).toMatchObject({ a: 'one', b: 'two', c: 'three' });
    });

    test('sends several requests on one connection', async () => {
      const format = '%{http_code} %{num_connects}\\n';
      const url = `${quiver.url}/healthz`;
      expect(await curl('-o', '/dev/null', '-o', '/dev/null', '-w', format, url, url)).toBe('200 1\n200 0\n');
    });

    test.each([
      ['with a length', ['--data-binary']],
      ['in chunks', ['-H', 'Transfer-Encoding: chunked', '--data-binary']],
    ])('sends a batch of 45 MB %s', async (_, flags) => {
      const url = `${quiver.url}/m2/demo/v2/profile/batchUpdate`;
      expect(await curl(url, ...flags, `@${join(folder, 'batch')}`)).toContain('<success>true</success>');
    });

    test('reads the refusal even when it sends more than is accepted', async () => {
      const answer = await curl(
        update(),
        '--data-binary',
        `@${join(folder, 'batch')}`,
        '-w',
        ' %{http_code}',
      );
      expect(answer).toMatch(/must have at most 61440 bytes<.* 413$/);
    });
  });

  test("Node's fetch may stream a body, and may abort half-way", async () => {
    const body = new Blob(['profile.f=', 'one']).stream();
    const target = `${quiver.url}/m2/demo/profile/update?mbox3rdPartyId=curl`;
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit;
    expect(await (await fetch(target, init)).text()).toBe(UPDATED);
    const never = new ReadableStream({
      start: (controller) => controller.enqueue(Buffer.from('profile.g=t')),
    });
    const abort = AbortSignal.timeout(200);
    await expect(fetch(target, { ...init, body: never, signal: abort } as RequestInit)).rejects.toThrow();
    expect(await attributes('curl')).not.toHaveProperty('g');
  });

  test.skipIf(!isThere('nginx'))(
    'nginx works in front, with default and with kept connections (needs nginx)',
    async () => {
      const [plain = 0, kept = 0] = await freePorts(2);
      const home = await mkdtemp(join(folder, 'nginx-'));
      const { host } = new URL(quiver.url);
      await writeFile(
        join(home, 'conf'),
        `user root; daemon off; worker_processes 1; pid ${home}/pid; error_log ${home}/errors warn;
events {}
http { access_log off; client_max_body_size 60m; client_body_temp_path ${home}/body; proxy_temp_path ${home}/proxy;
  fastcgi_temp_path ${home}/fastcgi; uwsgi_temp_path ${home}/uwsgi; scgi_temp_path ${home}/scgi;
  upstream quiver { server ${host}; keepalive 4; }
  server { listen 127.0.0.1:${plain}; location / { proxy_pass http://${host}; proxy_set_header Host $http_host; } }
  server { listen 127.0.0.1:${kept};
    location / { proxy_pass http://quiver; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; proxy_request_buffering off; } } }
`,
      );
      const nginx = spawn('nginx', ['-c', join(home, 'conf'), '-p', home, '-e', join(home, 'errors')], {
        stdio: 'ignore',
      });
      onTestFinished(async () => {
        nginx.kill('SIGQUIT');
        await once(nginx, 'exit');
      });
      for (const port of [plain, kept]) {
        const url = `http://127.0.0.1:${port}`;
        const isUp = async () => (await fetch(`${url}/healthz`).catch(() => undefined))?.status === 200;
        await until('nginx answers', isUp, 10_000);
        for (let count = 0; count < 20; count += 1) {
          const answer = await fetch(`${url}/rest/v1/profiles/thirdPartyId/curl?client=demo`);
          expect([answer.status, ((await answer.json()) as { client: string }).client]).toEqual([
            200,
            'demo',
          ]);
        }
        const batch = await run('curl', [
          '-sS',
          `${url}/m2/demo/v2/profile/batchUpdate`,
          '--data-binary',
          `@${join(folder, 'batch')}`,
        ]);
        expect(batch.stdout).toContain('<success>true</success>');
      }
    },
  );
});
