/** What a command says about a proxy from the environment, on a runtime that uses it. */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runQuiver } from './start-quiver.ts';

let proxy: Server;
let port: number;
beforeAll(async () => {
  proxy = createServer((_, response) => response.writeHead(502).end('<html>no way</html>'));
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  ({ port } = proxy.address() as AddressInfo);
});
afterAll(() => {
  proxy.close();
});

const settings = (url: string, through: string) =>
  runQuiver(['settings', '--url', url, '--token', 'x'], {
    env: { HTTP_PROXY: through, http_proxy: through, NO_PROXY: '', no_proxy: '' },
  });

test('a failure to reach a remote server names the proxy, without its password', async () => {
  const dead = await settings('http://quiver.example', 'http://me:secret@127.0.0.1:9');
  expect(dead.stderr).toContain('cannot reach http://quiver.example');
  expect(dead.stderr).toContain('(through the proxy 127.0.0.1:9 of http_proxy)');
  expect(dead.stderr).not.toContain('secret');
  expect(dead.code).toBe(4);
  const refusing = await settings('http://quiver.example', `http://127.0.0.1:${port}`);
  expect(refusing.stderr).toContain(`(through the proxy 127.0.0.1:${port} of http_proxy)`);
  expect(refusing.code).toBe(1);
});

test('no proxy is named for a server on this machine', async () => {
  const { stderr, code } = await settings('http://127.0.0.1:9', `http://127.0.0.1:${port}`);
  expect(stderr.trim()).toBe('quiver: cannot reach http://127.0.0.1:9: connection refused');
  expect(code).toBe(4);
});
