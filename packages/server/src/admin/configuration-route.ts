/** The configuration that a server runs with, for the console (contract section 11). */

import type { ConfigLine } from '../config/config-report.ts';
import { SETTING_ORIGINS } from '../config/load-config.ts';
import { QuiverError } from '../errors.ts';
import { ADMIN_ROUTE, AdminRefusal, ClientParam } from '../wire/admin-route.ts';
import { jsonReply } from '../wire/replies.ts';
import type { Route } from '../wire/route.ts';
import { z } from '../wire/schema.ts';

export const ConfigurationReply = z
  .object({
    configuration: z.array(
      z.object({
        name: z.string().openapi({ description: 'A flag without dashes, or the variable of a secret.' }),
        value: z.string().openapi({ description: 'As `quiver config` prints it; secrets are not shown.' }),
        origin: z.enum(SETTING_ORIGINS),
      }),
    ),
  })
  .openapi('Configuration', {
    example: {
      configuration: [
        { name: 'port', value: '8680', origin: 'default' },
        { name: 'client', value: 'demo, acme', origin: 'flag' },
        { name: 'QUIVER_ADMIN_TOKEN', value: '(set)', origin: 'variable' },
      ],
    },
  });

/** @param configuration undefined in a sandbox, which is not configured by these settings */
export function configurationRoute(configuration: readonly ConfigLine[] | undefined): Route {
  return {
    ...ADMIN_ROUTE,
    method: 'GET',
    path: '/{client}/target/server/configuration',
    describe: {
      tags: ['Running it'],
      summary: 'The configuration: every setting, its value, and where that came from',
      security: [{ bearer: [] }],
      request: { params: ClientParam },
      responses: {
        200: {
          description: 'The settings in the order of the help, then the secrets',
          content: { 'application/json': { schema: ConfigurationReply } },
        },
        401: AdminRefusal('Not the admin'),
        404: AdminRefusal('A sandbox'),
      },
    },
    handle() {
      if (configuration === undefined) throw new QuiverError('not-found', 'A sandbox has no configuration');
      return jsonReply({ configuration });
    },
  };
}
