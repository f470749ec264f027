/**
 * Runs Adobe's deprecated `@adobe/target-node-client` from the registry. Its host name and port are
 * built in; only the connection is redirected, below TLS, so the certificate must be valid for the
 * requested name.
 *
 *   node old-node-client.mjs <port> <tntId>
 *
 * Prints a JSON object: the requested hosts, and what the package returned.
 */

import { createRequire } from 'node:module';
import tls from 'node:tls';

const [port, tntId] = process.argv.slice(2);
const asked = [];
const { connect } = tls;
tls.connect = (options, ...rest) => {
  asked.push(`${options.host}:${options.port}`);
  return connect({ ...options, host: '127.0.0.1', port: Number(port) }, ...rest);
};

const TargetNodeClient = createRequire(import.meta.url)('@adobe/target-node-client');
const client = TargetNodeClient.create({
  config: { client: 'demo', organizationId: 'ABCDEF0123456789ABCDEF01@AdobeOrg', timeout: 10_000 },
});
const answer = await client.getOffers({
  payload: {
    id: { tntId },
    mboxes: [{ mbox: 'home', indexId: 0 }],
    profileParameters: { fromOldNode: 'yes' },
  },
});
const single = await client.getOffer({
  payload: { mbox: 'home', tntId, profileParameters: { single: 'yes' } },
});
process.stdout.write(JSON.stringify({ asked, answer, single }));
