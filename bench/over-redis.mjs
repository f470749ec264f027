/**
 * A typical implementation of profiles over Redis:
 * `node over-redis.mjs fastify|express <redis port>`. Prints its port.
 */

import { Redis } from 'ioredis';

const [, , framework, redisPort] = process.argv;
const redis = new Redis({ port: Number(redisPort), host: '127.0.0.1' });

async function profileOf(id, client) {
  const fields = await redis.hgetall(`p:${id}`);
  const names = Object.keys(fields);
  if (names.length === 0) return undefined;
  const profileAttributes = {};
  for (const name of names) profileAttributes[name] = JSON.parse(fields[name]);
  return { client, visitorId: id, modifiedAt: profileAttributes[names[0]].modifiedAt, profileAttributes };
}

if (framework === 'fastify') {
  const { fastify } = await import('fastify');
  const app = fastify();
  app.get('/rest/v1/profiles/:id', async (request, reply) => {
    const profile = await profileOf(request.params.id, request.query.client);
    return profile ?? reply.code(404).send({ status: 404 });
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  process.stdout.write(`${app.server.address().port}\n`);
} else {
  const { default: express } = await import('express');
  const app = express();
  app.get('/rest/v1/profiles/:id', async (request, response) => {
    const profile = await profileOf(request.params.id, request.query.client);
    if (profile) response.json(profile);
    else response.status(404).json({ status: 404 });
  });
  const server = app.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
}
