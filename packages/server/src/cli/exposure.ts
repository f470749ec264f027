/** Warnings for the banner when the server listens beyond loopback. */

import { withDefaults } from '../access/client-settings.ts';
import type { ServeConfig } from '../config/config.ts';
import type { ClientStore } from '../storage/kept/client-store.ts';

/** One sentence per open access, for a server that listens beyond loopback. */
export async function openDoors(config: ServeConfig, clients: Pick<ClientStore, 'find'>): Promise<string[]> {
  const records = await Promise.all(config.clients.map((client) => clients.find(client)));
  const open = config.clients.filter(
    (_, index) => !withDefaults(JSON.parse(records[index]!.settings.json)).enableProfileApiAuthentication,
  );
  return [
    `others can reach ${config.host}`,
    ...(config.adminToken === undefined
      ? ['the admin token was generated on this machine; set QUIVER_ADMIN_TOKEN to your own']
      : []),
    ...(open.length > 0
      ? [
          `anyone who reaches it can read and update the profiles of ${open.join(', ')}; to prevent that: quiver settings enableProfileApiAuthentication=true`,
        ]
      : []),
  ];
}
