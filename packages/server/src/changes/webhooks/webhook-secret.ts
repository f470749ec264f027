import { createHmac } from 'node:crypto';
import type { Webhook } from '../../storage/kept/webhook-store.ts';

/**
 * The secret with which messages of a webhook are signed, in the form of Standard Webhooks:
 * `whsec_` and base64.
 */
export type SecretOf = (client: string, webhook: Pick<Webhook, 'id' | 'version'>) => string;

/**
 * Derives secrets, so that none is stored.
 * @param key of the server, for this purpose only
 */
export function webhookSecrets(key: Buffer): SecretOf {
  return (client, { id, version }) => {
    const secret = createHmac('sha256', key).update(`${client} ${id} ${version}`).digest('base64');
    return `whsec_${secret}`;
  };
}
