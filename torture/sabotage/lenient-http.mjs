/** Reads HTTP leniently and waits for it for ever. Node alone. */
import http from 'node:http';
import { syncBuiltinESMExports } from 'node:module';

const { createServer } = http;
const spoiled = {
  insecureHTTPParser: true,
  headersTimeout: 0,
  requestTimeout: 0,
  connectionsCheckingInterval: 2 ** 30,
};
http.createServer = (options, listener) => {
  const server = createServer({ ...options, ...spoiled }, listener);
  Object.defineProperty(server, 'timeout', { get: () => 0, set: () => {} });
  return server;
};
syncBuiltinESMExports();
