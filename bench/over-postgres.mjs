/**
 * A typical implementation of profiles over PostgreSQL: `node over-postgres.mjs <postgres port>`.
 * Prints its port.
 */

import { fastify } from 'fastify';
import pg from 'pg';

const pool = new pg.Pool({
  port: Number(process.argv[2]),
  host: '127.0.0.1',
  user: 'bench',
  database: 'postgres',
  max: 20,
});
const UPSERT = {
  name: 'upsert',
  text: `insert into profile values ($1, $2, now())
    on conflict (id) do update set attributes = profile.attributes || excluded.attributes, modified = now()`,
};

const app = fastify();
// The body contains what to set: {"id":"…","attributes":{"name":"value"}}
app.post('/profile', async ({ body }) => {
  const modifiedAt = new Date().toISOString();
  const attributes = {};
  for (const [name, value] of Object.entries(body.attributes)) attributes[name] = { value, modifiedAt };
  await pool.query({ ...UPSERT, values: [body.id, JSON.stringify(attributes)] });
  return { success: true };
});
await app.listen({ port: 0, host: '127.0.0.1' });
process.stdout.write(`${app.server.address().port}\n`);
