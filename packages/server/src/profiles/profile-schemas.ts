/**
 * Schemas and examples of the profile routes for `/openapi.json`; they only describe and never
 * validate a request.
 */

import { z } from '../wire/schema.ts';
import type { ProfilePath } from './profile-paths.ts';

export const ClientQuery = z.object({
  client: z.string().optional().openapi({
    description:
      'Client code. Not needed when the Host header names the client, or when the default client is meant.',
    example: 'demo',
  }),
});

export const Refusal = z
  .object({ status: z.int(), message: z.string() })
  .openapi('Refusal', { example: { status: 400, message: 'tntId: must be percent-encoded UTF-8' } });

export const ProfileReply = z
  .object({
    client: z.string(),
    visitorId: z.string().openapi({ description: 'The id as the request gave it.' }),
    modifiedAt: z.iso.datetime({ offset: true }).openapi({ description: 'When the profile last changed.' }),
    profileAttributes: z
      .record(z.string(), z.object({ value: z.string(), modifiedAt: z.iso.datetime({ offset: true }) }))
      .openapi({ description: 'Oldest first; values are always strings.' }),
  })
  .openapi('Profile', {
    example: {
      client: 'demo',
      visitorId: 'a1-mbox3rdPartyId',
      modifiedAt: '2026-08-18T17:53:39.003+00:00',
      profileAttributes: { country: { value: 'france', modifiedAt: '2026-07-31T14:26:30.879+00:00' } },
    },
  });

/** A path parameter for the id, with an example. */
export function idParameter(address: ProfilePath) {
  const example = { tntId: '111.28_20', thirdPartyId: 'a1-mbox3rdPartyId', ecid: '38279142358174' }[
    address.kind
  ];
  return z.object({ [address.parameter]: z.string().openapi({ example }) });
}

/** One refusal among the responses of a route. */
export function refusalResponse(description: string, example: { status: number; message: string }) {
  return { description, content: { 'application/json': { schema: Refusal, example } } };
}
