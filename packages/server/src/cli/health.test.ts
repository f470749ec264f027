import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { loadConfig } from '../config/load-config.ts';
import { ensureDevCertificate } from './dev-certificate.ts';
import { run } from './run.ts';
import { urlOfServerHere } from './server-connection.ts';

let server: Server | undefined;
let said = '';
beforeEach(() => {
  for (const name of ['URL', 'HOST', 'PORT', 'TOKEN', 'TLS_CERT', 'TLS_DEV'])
    vi.stubEnv(`QUIVER_${name}`, undefined);
  said = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += text;
    return true;
  });
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  server = undefined;
});

async function portOf(listening: Server): Promise<string> {
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  return String((listening.address() as AddressInfo).port);
}

/** Answers with the statuses in order; the last one repeats. */
function answering(...statuses: number[]): RequestListener {
  return ({ headers }, response) => {
    const status = statuses.length > 1 ? statuses.shift()! : statuses[0]!;
    expect(headers.authorization).toBeUndefined();
    response.writeHead(status, { connection: 'close' }).end(status === 200 ? 'ready' : 'draining');
  };
}

describe('the address of the server to ask', () => {
  test.each<[env: Record<string, string>, url: string]>([
    [{}, 'http://127.0.0.1:8680'],
    [{ QUIVER_PORT: '9000', QUIVER_HOST: '0.0.0.0' }, 'http://127.0.0.1:9000'],
    [{ QUIVER_HOST: '::', QUIVER_TLS_CERT: '/chain.pem' }, 'https://[::1]:8680'],
    [{ QUIVER_HOST: 'fd00::1' }, 'http://[fd00::1]:8680'],
    [{ QUIVER_HOST: 'quiver.local', QUIVER_PORT: '443', QUIVER_TLS_DEV: 'yes' }, 'https://quiver.local'],
    [{ QUIVER_PORT: 'nonsense' }, 'http://127.0.0.1:8680'],
    [{ QUIVER_PORT: '0' }, 'http://127.0.0.1:8680'],
  ])('follows from the variables %j', (env, url) => {
    expect(urlOfServerHere(env)).toBe(url);
  });

  test('follows from the variables of serve', async () => {
    vi.stubEnv('QUIVER_HOST', '0.0.0.0');
    vi.stubEnv('QUIVER_PORT', await portOf(createServer(answering(200))));
    vi.stubEnv('QUIVER_TOKEN', 'not-for-everybody');
    expect(await run(['health'])).toBe(0);
    expect(said).toBe('ready\n');
  });

  test('is checked although the certificate names other hosts', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'quiver-health-'));
    try {
      const flags = { data: folder, 'tls-dev': 'yes' };
      const files = await ensureDevCertificate(loadConfig({ flags, env: {}, file: undefined }).config);
      const pair = { cert: readFileSync(files.certFile), key: readFileSync(files.keyFile) };
      const port = await portOf(createSecureServer(pair, answering(200)));
      vi.stubEnv('QUIVER_PORT', port);
      vi.stubEnv('QUIVER_TLS_CERT', files.certFile);
      expect(await run(['health'])).toBe(0);
      // The certificate is verified for a URL that was given explicitly.
      expect(await run(['health', '--url', `https://127.0.0.1:${port}`])).toBe(4);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('quiver health --wait', () => {
  test('asks until the server is ready', async () => {
    vi.stubEnv('QUIVER_PORT', await portOf(createServer(answering(503, 503, 200))));
    expect(await run(['health'])).toBe(1);
    expect(await run(['health', '--wait', '60'])).toBe(0);
  });

  test('ends with the last failure when the time is up', async () => {
    vi.stubEnv('QUIVER_PORT', await portOf(createServer(answering(503))));
    expect(await run(['health', '--wait', '1'])).toBe(1);
    expect(said).toBe('quiver: the server refused (503): draining\n');
  });

  test('does not wait for a failure that cannot pass', async () => {
    vi.stubEnv('QUIVER_PORT', await portOf(createServer(answering(404))));
    expect(await run(['health', '--wait', '3600'])).toBe(1);
    expect(await run(['health', '--wait', 'long'])).toBe(2);
  });
});
