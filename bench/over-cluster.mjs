/**
 * A typical implementation of profiles over a Redis Cluster: `node over-cluster.mjs <host:port,…>`.
 * Prints its port.
 */

import { fastify } from 'fastify';
import { Cluster } from 'ioredis';
import { SAME_WORK } from './same-work.mjs';

// A built file, which does not exist when a new checkout is checked.
const { keySlot } = await import(
  new URL('../packages/server/dist/storage/redis/key-slot.js', import.meta.url)
);

const seeds = process.argv[2].split(',').map((seed) => {
  const [host, port] = seed.split(':');
  return { host, port: Number(port) };
});
const cluster = new Cluster(seeds, { enableAutoPipelining: true });
await new Promise((resolve) => cluster.once('ready', resolve));

/**
 * Each master has a separate connection for writes, because a write and its WAIT must use the same
 * one.
 */
const writers = new Map();
function writerOf(key) {
  const node = cluster.slots[keySlot(key)][0];
  let writer = writers.get(node);
  if (!writer) {
    writer = cluster
      .nodes('master')
      .find(({ options }) => `${options.host}:${options.port}` === node)
      .duplicate();
    writer.defineCommand('sameWork', { numberOfKeys: 1, lua: SAME_WORK });
    writers.set(node, writer);
  }
  return writer;
}

async function write(create, { id, attributes }) {
  const key = `p:${id}`;
  const args = Object.entries(attributes).flat();
  const answers = await writerOf(key)
    .pipeline()
    .sameWork(key, Date.now(), create, ...args)
    .wait(1, 500)
    .exec();
  const [[error, outcome], [, replicas]] = answers;
  if (error || replicas < 1) throw error ?? new Error('no replica has it');
  return outcome;
}

const app = fastify();
app.get('/rest/v1/profiles/:id', async (request, reply) => {
  const fields = await cluster.hgetall(`p:${request.params.id}`);
  delete fields['#size'];
  const names = Object.keys(fields);
  if (names.length === 0) return reply.code(404).send({ status: 404 });
  const profileAttributes = {};
  for (const name of names) profileAttributes[name] = JSON.parse(fields[name]);
  const { modifiedAt } = profileAttributes[names[0]];
  return { client: request.query.client, visitorId: request.params.id, modifiedAt, profileAttributes };
});
app.post('/update', async ({ body }) => ({ outcome: await write('0', body) }));
app.post('/visit', async ({ body }) => ({ outcome: await write('1', body) }));
await app.listen({ port: 0, host: '127.0.0.1' });
process.stdout.write(`${app.server.address().port}\n`);
