/**
 * A request reads what another process had acknowledged before the request arrived, wherever in the
 * turn of the event loop that was, and whatever was read before in that turn.
 */

import { execFileSync } from 'node:child_process';
import { stat } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { attributesIn } from '../conformance/attributes-in.ts';
import type { Stores } from '../stores.ts';
import { openLmdbStores } from './open-lmdb-stores.ts';

const WRITER = fileURLToPath(new URL('../../../test/store-writer.mjs', import.meta.url));

let path: string;
let stores: Stores;
let server: Server;
let sockets: Socket[];
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'quiver-fresh-'));
  stores = await openLmdbStores({ path });
  writeElsewhere('0');
  server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  sockets = [];
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
  await stores.close();
  await rm(path, { recursive: true });
});

/** Another process writes and gets its acknowledgement; this one does nothing in the meantime. */
function writeElsewhere(value: string, mode: 'once' | 'settled' = 'once'): void {
  execFileSync(process.execPath, [WRITER, path, mode, 'visitor', value]);
}

async function valueNow(): Promise<string | undefined> {
  const found = await stores.profiles.find('demo', { kind: 'tntId', value: 'visitor' }, Date.now());
  return found && attributesIn(found.attributes).find(({ name }) => name === 'value')?.value;
}

/**
 * Two connections, each with a byte under way; `received` runs in the callback that delivers it.
 */
async function connectTwice(received: (connection: number) => void): Promise<void> {
  const accepted: Socket[] = [];
  server.on('connection', (socket) => accepted.push(socket));
  for (let n = 0; n < 2; n += 1) {
    const client = connect((server.address() as { port: number }).port, '127.0.0.1');
    await new Promise((resolve) => client.once('connect', resolve));
    while (accepted.length === n) await new Promise((resolve) => setTimeout(resolve, 1));
    accepted[n]!.once('data', () => received(n));
    sockets.push(client, accepted[n]!);
  }
}

test.each<[string, (then: () => void) => void]>([
  ['a timer', (then) => setTimeout(then, 1)],
  ['an immediate', (then) => setImmediate(then)],
  ['a continuation of a timer', (then) => void new Promise((resolve) => setTimeout(resolve, 1)).then(then)],
  ['the answer of the file system', (then) => stat(path, then)],
  ['a tick', (then) => process.nextTick(then)],
])('a request does not use the snapshot that %s took before the request arrived', async (_, later) => {
  const read = new Promise<string | undefined>((resolve, reject) => {
    void connectTwice((connection) => {
      if (connection !== 0) return;
      stores.requestArrives();
      valueNow().then(resolve, reject);
    }).then(() =>
      later(() => {
        void valueNow();
        writeElsewhere('1');
        // The request is sent after the other process has its acknowledgement, and arrives within
        // the same turn.
        sockets[0]!.write('x');
      }),
    );
  });
  expect(await read).toBe('1');
});

test('requests of one poll share a snapshot taken after they arrived', async () => {
  const values: (string | undefined)[] = [];
  const bothRead = new Promise<void>((resolve, reject) => {
    void connectTwice(() => {
      stores.requestArrives();
      valueNow().then((value) => {
        values.push(value);
        if (values.length === 2) resolve();
      }, reject);
    }).then(() => {
      sockets[0]!.write('x');
      sockets[2]!.write('x');
      writeElsewhere('1');
    });
  });
  await bothRead;
  expect(values).toEqual(['1', '1']);
});

test('an index page is read again once another process has changed and merged it', async () => {
  writeElsewhere('1', 'settled');
  expect([await valueNow(), await valueNow()]).toEqual(['1', '1']);
  // Merged before this process has seen the entry.
  writeElsewhere('2', 'settled');
  expect([await valueNow(), await valueNow()]).toEqual(['2', '2']);
  // Seen as a recent entry first.
  writeElsewhere('3');
  expect(await valueNow()).toBe('3');
  writeElsewhere('4', 'settled');
  expect(await valueNow()).toBe('4');
  // Written here, read as a recent entry, then superseded and merged elsewhere.
  const set = (value: string) =>
    stores.profiles.update(
      'demo',
      { kind: 'tntId', value: 'visitor' },
      new Map([['value', value]]),
      { now: Date.now(), lifetimeDays: 14 },
      false,
    );
  await set('5');
  expect(await valueNow()).toBe('5');
  while (await stores.chores.steps.upkeep!());
  expect([await valueNow(), await valueNow()]).toEqual(['5', '5']);
  writeElsewhere('6', 'settled');
  // A write reads the profile first and builds on what is there.
  await set('7');
  expect(await valueNow()).toBe('7');
});
