/** Node's side: `node:http`, and workers of `node:cluster` that share the port. */

import cluster from 'node:cluster';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { Socket } from 'node:net';
import { Answers, keptHeaders } from './node-answers.ts';
import { NodeRequest } from './node-request.ts';
import { OpenConnections } from './open-connections.ts';
import { type Answer, IDLE_SECONDS, type Runtime, UNREADABLE } from './runtime.ts';

/** A little more than clients are told, so that none sends a request just then. */
const IDLE = (IDLE_SECONDS + 1) * 1000;
/** Node holds a connection with slow headers for over a minute, one with a slow body for ever; these are its limits here. */
const HEADERS_TIMEOUT = 10_000;
const REQUEST_TIMEOUT = 300_000;
const TIMEOUT_CHECK = 2_000;

export const nodeRuntime: Runtime = {
  name: 'node',
  sharesPort: true,

  keptHeaders,

  async listen({ host, port, tls, answer }) {
    const options = {
      connectionsCheckingInterval: TIMEOUT_CHECK,
      headersTimeout: HEADERS_TIMEOUT,
      requestTimeout: REQUEST_TIMEOUT,
      // The limit on silence, `server.timeout`, is that of idle connections too; one more of its own would set two timers for each request.
      keepAliveTimeout: 0,
    };
    const connections = new OpenConnections();
    const answers = new Answers(connections);
    const listener = (incoming: IncomingMessage, outgoing: ServerResponse) => {
      const connection = connections.entered(incoming.socket);
      const exchange = { incoming, outgoing, connection };
      if (incoming.httpVersionMajor !== 1) return answers.send(exchange, OTHER_VERSION);
      const request = NodeRequest.of(incoming);
      if (request === undefined) return answers.send(exchange, UNREADABLE);
      // The members that it has not are read nowhere.
      const given = answer(request as unknown as Request, connection);
      if (given instanceof Promise) void given.then((late) => answers.send(exchange, late));
      else answers.send(exchange, given);
    };
    const server = tls
      ? createSecureServer({ ...options, ...tls }, listener)
      : createServer(options, listener);
    server.timeout = IDLE;
    server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => connections.add(socket));
    // Left to itself a worker whose supervisor died exits at once, with requests in flight and the store open.
    if (cluster.worker) cluster.worker.exitedAfterDisconnect = true;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve();
      });
    });
    const address = server.address();
    return {
      port: typeof address === 'object' && address !== null ? address.port : port,
      async close() {
        server.close();
        await connections.drained();
      },
    };
  },

  startWorker(role, listensAlone) {
    // Dealt out one at a time, each connection waits for a turn of a worker that is busy with those it has. That is the price of an even share
    // among many; one worker takes all that come, by itself.
    cluster.schedulingPolicy = listensAlone ? cluster.SCHED_NONE : cluster.SCHED_RR;
    cluster.setupPrimary({ exec: process.argv[1]!, args: ['worker', role] });
    return cluster.fork().process;
  },
};

/** Node's parser takes HTTP/0.9 and 2.0 for a request of version 1; what else it then takes for what is anybody's guess. */
const OTHER_VERSION: Answer = { body: null, status: 505, headers: { connection: 'close' } };
