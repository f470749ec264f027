/** A test for each fault that `npm run torture` has found. */

import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { acceptBatch } from '../src/batches/accept-batch.ts';
import type { IncomingFile } from '../src/storage/batch-file-store.ts';
import type { BatchStore } from '../src/storage/batch-store.ts';
import type { BatchFiles } from '../src/storage/files/batch-files.ts';
import { readBody } from '../src/wire/body.ts';
import { type RuntimeName, startQuiver } from './start-quiver.ts';

describe('found by full-disk: an upload for which the disk had no room was a 500', () => {
  const full = () => Promise.reject(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }));
  const fine = () => Promise.resolve();

  test.each<[string, Partial<IncomingFile> | undefined]>([
    ['no room for the file', undefined],
    ['no room for its bytes', { write: full }],
    ['no room to sync it', { keepAs: full }],
  ])('with %s, the reply is insufficient storage, and nothing is kept or queued', async (_, broken) => {
    let discarded = 0;
    const discard = async () => {
      discarded += 1;
    };
    const files = {
      receive: () => (broken ? Promise.resolve({ write: fine, keepAs: fine, discard, ...broken }) : full()),
      remove: fine,
    } as unknown as BatchFiles;
    const batches = {
      accept: () => Promise.reject(new Error('must not be queued')),
    } as unknown as BatchStore;
    const request = new Request('http://localhost/', { method: 'POST', body: 'batch=pcId,a\nx,1' });
    await expect(acceptBatch({ batches, files, now: Date.now }, 'demo', 'v2', request)).rejects.toMatchObject(
      {
        code: 'insufficient-storage',
        status: 507,
      },
    );
    expect(discarded).toBe(broken ? 1 : 0);
  });
});

describe('found by hostile-http: a trickling body held its connection forever on Bun', () => {
  test('a body that is read whole must arrive within 30 seconds', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const trickle = new ReadableStream({
      start: (controller) => controller.enqueue(new Uint8Array(1)),
    });
    const init = { method: 'POST', body: trickle, duplex: 'half' } as RequestInit;
    const reading = readBody(new Request('http://localhost/', init), 1000);
    const refused = expect(reading).rejects.toMatchObject({
      code: 'request-timeout',
      message: 'body: must arrive within 30 seconds',
      headers: { connection: 'close' },
    });
    await vi.advanceTimersByTimeAsync(31_000);
    await refused;
  });
});

describe('found by hostile-http: Node answered HTTP/0.9 and HTTP/2.0 as if they were 1.1', () => {
  test.each<[RuntimeName, string]>([
    ['node', 'GET /healthz\r\n\r\n'],
    ['node', 'GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n'],
    ['bun', 'GET /healthz\r\n\r\n'],
    ['bun', 'GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n'],
  ])('%s refuses %j', async (runtime, request) => {
    const quiver = await startQuiver({ runtime, flags: ['--workers', '1', '--log-level', 'error'] });
    onTestFinished(async () => void (await quiver.kill()));
    const { hostname, port } = new URL(quiver.url);
    const socket = connect(Number(port), hostname);
    let received = '';
    socket.setEncoding('latin1').on('data', (text) => {
      received += text;
    });
    socket.on('error', () => {});
    const closed = once(socket, 'close');
    socket.write(request);
    await closed;
    expect(received).toMatch(/^$|^HTTP\/1\.1 (400|505) /);
  });
});
