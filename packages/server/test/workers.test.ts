/** Several workers, one store: what one has acknowledged, every other must read. */

import { Agent, request } from 'node:http';
import { expect, test } from 'vitest';
import { startQuiver } from './start-quiver.ts';
import { until } from './until.ts';

const CONNECTIONS = 8;
const ROUNDS = 300;
const SCRIPT_ROUNDS = 10;

type Headers = Record<string, string>;

/** A kept connection, so that it stays with the same worker. */
function connection(base: string) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = (path: string, init: { method?: string; body?: string; headers?: Headers } = {}) =>
    new Promise<string>((resolve, reject) => {
      const { method = 'GET', body, headers = {} } = init;
      const asked = request(`${base}${path}`, { agent, method, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part) => {
          text += part;
        });
        response.on('end', () => resolve(text));
      });
      asked.on('error', reject);
      asked.end(body);
    });
  return { ask, close: () => agent.destroy() };
}

test.each(['bun', 'node'] as const)(
  'on %s, the next fetch at any worker reads an acknowledged update',
  async (runtime) => {
    const quiver = await startQuiver({ runtime, flags: ['--workers', '2'] });
    const connections = Array.from({ length: CONNECTIONS }, () => connection(quiver.url));
    try {
      await fetch(`${quiver.url}/rest/v1/delivery?sessionId=s`, {
        method: 'POST',
        body: JSON.stringify({ id: { tntId: 'one' }, context: { channel: 'web' } }),
      });
      const stale: string[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        const writer = connections[round % CONNECTIONS]!;
        // Readers that have just read hold a snapshot from before the update.
        await Promise.all(connections.map(({ ask }) => ask('/rest/v1/profiles/one')));
        expect(await writer.ask(`/m2/demo/profile/update?mboxPC=one&profile.round=${round}`)).toContain(
          'true',
        );
        const replies = await Promise.all(connections.map(({ ask }) => ask('/rest/v1/profiles/one')));
        stale.push(
          ...replies.filter((reply) => JSON.parse(reply).profileAttributes.round?.value !== String(round)),
        );
      }
      expect(stale).toEqual([]);
    } finally {
      for (const { close } of connections) close();
      await quiver.stop();
    }
  },
);

test.each(['bun', 'node'] as const)(
  'on %s, the next visit at any worker runs the script that was set, and none that was disabled',
  async (runtime) => {
    const quiver = await startQuiver({ runtime, flags: ['--workers', '2'] });
    const connections = Array.from({ length: CONNECTIONS }, () => connection(quiver.url));
    const headers = { authorization: `Bearer ${quiver.adminToken}` };
    let count = 0;
    const visit = async ({ ask }: ReturnType<typeof connection>, attribute = 'none') => {
      count += 1;
      const execute = { pageLoad: { profileParameters: { attribute } } };
      const body = JSON.stringify({ id: { tntId: `v${count}` }, context: { channel: 'web' }, execute });
      const path = `/rest/v1/profiles/v${count}`;
      await ask('/rest/v1/delivery?sessionId=s', { method: 'POST', body });
      return JSON.parse(await ask(path)).profileAttributes['user.round']?.value;
    };
    const visitAll = () => Promise.all(connections.map((one) => visit(one)));
    try {
      const put = (script: string, place: number) =>
        connections[place % CONNECTIONS]!.ask('/demo/target/scripts/round', {
          ...{ method: 'PUT', headers, body: JSON.stringify({ script }) },
        });
      for (let round = 0; round < SCRIPT_ROUNDS; round += 1) {
        const breaks = `if (profile.get('attribute') == 'bad') return nothing; return 'r${round}';`;
        expect(await put(breaks, round)).toContain('"state":"active"');
        expect(await visitAll()).toEqual(connections.map(() => `r${round}`));
        expect(await visit(connections[round % CONNECTIONS]!, 'bad')).toBeUndefined();
        await until('the script is disabled', async () =>
          (await connections[0]!.ask('/demo/target/scripts/round', { headers })).includes('"disabled"'),
        );
        expect(await visitAll()).toEqual(connections.map(() => undefined));
      }
    } finally {
      for (const { close } of connections) close();
      await quiver.stop();
    }
  },
);
