/** What the routes of the Admin API have in common (contract section 9). */

import { z } from './schema.ts';

/** The media type of Adobe's Admin API. */
export const ADMIN_MEDIA_TYPE = 'application/vnd.adobe.target.v1+json';

export const ADMIN_ROUTE = { guard: 'admin', style: 'admin', cors: 'none', scope: 'client-of-path' } as const;

export const ClientParam = z.object({ client: z.string().openapi({ example: 'demo' }) });

const AdminErrors = z
  .object({
    httpStatus: z.int(),
    requestId: z.string(),
    requestTime: z.string(),
    errors: z.array(z.object({ errorCode: z.string(), message: z.string() })),
  })
  .openapi('AdminErrors', {
    example: {
      httpStatus: 401,
      requestId: '7d8f3d52-3a8c-4c2b-9e4e-0c9a4b1c2d3e',
      requestTime: '2026-08-18T17:53:39.003Z',
      errors: [{ errorCode: 'Unauthorized', message: 'Unauthorized' }],
    },
  });

/** One refusal among the responses of a route. */
export function AdminRefusal(description: string) {
  return { description, content: { 'application/json': { schema: AdminErrors } } };
}
