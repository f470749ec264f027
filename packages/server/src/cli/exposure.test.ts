import { expect, test } from 'vitest';
import type { ServeConfig } from '../config/config.ts';
import { type ClientRecord, NO_CLIENT_RECORD } from '../storage/kept/client-store.ts';
import { openDoors } from './exposure.ts';

const records: Record<string, ClientRecord> = {
  demo: NO_CLIENT_RECORD,
  shut: { ...NO_CLIENT_RECORD, settings: { json: '{"enableProfileApiAuthentication":true}', changedAt: 1 } },
};
const clients = { find: async (client: string) => records[client]!, replace: async () => false };
const doors = (adminToken: string | undefined, ...names: string[]) =>
  openDoors({ host: '0.0.0.0', clients: names, adminToken } as unknown as ServeConfig, clients);

test('the warning names every client that anybody can reach, and the token that was generated', async () => {
  expect(await doors(undefined, 'demo', 'shut')).toEqual([
    'others can reach 0.0.0.0',
    expect.stringContaining('QUIVER_ADMIN_TOKEN'),
    expect.stringMatching(/profiles of demo;/),
  ]);
  expect(await doors('one-of-their-own', 'shut')).toEqual(['others can reach 0.0.0.0']);
});
