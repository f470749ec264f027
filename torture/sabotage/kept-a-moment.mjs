/**
 * Uses settings and tokens for half a second after they were read, and a session after it was
 * ended.
 */
import { serverModule } from './server-module.mjs';

const KEPT = 500;
const { ClientAccess } = await serverModule('access/client-access');
const { current } = ClientAccess.prototype;
const kept = new Map();
ClientAccess.prototype.current = function (client) {
  const known = kept.get(client);
  if (known && performance.now() - known.at < KEPT) return known.given;
  const given = current.call(this, client);
  kept.set(client, { at: performance.now(), given });
  return given;
};
const { ConsoleSessions } = await serverModule('access/console-sessions');
ConsoleSessions.prototype.end = async () => {};
