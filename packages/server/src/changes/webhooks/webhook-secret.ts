import { createHmac } from 'node:crypto';
import type { Webhook } from '../../storage/kept/webhook-store.ts';

/**
 * The secret that messages of a webhook are signed with, as Standard Webhooks writes it: `whsec_`
 * and base64.
 */
export type SecretOf = (client: string, webhook: Pick<Webhook, 'id' | 'version'>) => string;

/** Derives secrets, so that none is stored. @param key of the server, for this purpose alone */
export function webhookSecrets(key: Buffer): SecretOf {
  return (client, { id, version }) => {
    const secret = createHmac('sha256', key).update(`${client} ${id} ${version}`).digest('base64');
    return `whsec_${secret}`;
  };
}
