/** What a person should know before others can reach the server: said in the banner, when it listens beyond loopback. */

import { withDefaults } from '../access/client-settings.ts';
import type { ServeConfig } from '../config/config.ts';
import type { ClientStore } from '../storage/kept/client-store.ts';

/** One sentence for each thing that stands open, for a server that listens beyond loopback. */
export async function openDoors(config: ServeConfig, clients: Pick<ClientStore, 'find'>): Promise<string[]> {
  const records = await Promise.all(config.clients.map((client) => clients.find(client)));
  const open = config.clients.filter(
    (_, index) => !withDefaults(JSON.parse(records[index]!.settings.json)).enableProfileApiAuthentication,
  );
  return [
    `others can reach ${config.host}`,
    ...(config.adminToken === undefined
      ? ['the admin token is the one that was made here; set QUIVER_ADMIN_TOKEN to one of your own']
      : []),
    ...(open.length > 0
      ? [
          `whoever reaches it reads and updates the profiles of ${open.join(', ')}; close that with: quiver settings enableProfileApiAuthentication=true`,
        ]
      : []),
  ];
}
