/** Several workers, one store: what one has acknowledged, every other must read. */

import { Agent, request } from 'node:http';
import { expect, test } from 'vitest';
import { startQuiver } from './start-quiver.ts';

const CONNECTIONS = 8;
const ROUNDS = 300;

/** A kept connection, so that it stays with the same worker. */
function connection(base: string) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = (path: string) =>
    new Promise<string>((resolve, reject) => {
      const asked = request(`${base}${path}`, { agent }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part) => {
          text += part;
        });
        response.on('end', () => resolve(text));
      });
      asked.on('error', reject);
      asked.end();
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
