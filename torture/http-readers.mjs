/**
 * Reads the same bytes with a connection of Quiver and with Node's own `node:http`; both report the
 * requests they saw.
 */

import { createServer } from 'node:http';
import { Duplex } from 'node:stream';
import { built } from './quiver-process.mjs';

const { Connection } = await built('connection/connection.js');

/** A request as it was read: method, target, list of headers, body as Latin-1. */
const told = (method, target, raw, body) => ({ method, target, raw, body: body.toString('latin1') });
const NONE = { text: '', closes: false };

/**
 * What Quiver makes of an input.
 *
 * @returns `requests`, those read completely; `refused`, the statuses of refusals; `sent`,
 *   everything answered
 */
export async function readWithQuiver(pieces) {
  const seen = { requests: [], refused: [], sent: '' };
  const service = {
    keepAliveSeconds: 30,
    async answer(request, _caller, refusal) {
      if (refusal) {
        seen.refused.push(refusal.status);
        return { status: refusal.status, headers: NONE, body: refusal.message };
      }
      const { method, url, headers } = request;
      const body = [];
      try {
        for await (const piece of request.body ?? []) body.push(piece);
      } catch (error) {
        seen.refused.push(error.status ?? 400);
        return { status: 400, headers: NONE, body: '' };
      }
      seen.requests.push(told(method, url, headers.raw, Buffer.concat(body)));
      return { status: 200, headers: NONE, body: `${method} ${url}` };
    },
  };
  const open = { second: 0, date: '', isClosing: false, remove() {} };
  const transport = {
    address: '',
    secure: false,
    write(data) {
      seen.sent += Buffer.from(data).toString('latin1');
      return true;
    },
    pause() {},
    resume() {},
    end() {},
    close() {},
    destroy() {},
  };
  const connection = new Connection(transport, service, open);
  for (const piece of pieces) connection.received(Buffer.from(piece));
  await new Promise(setImmediate);
  connection.ended();
  await new Promise(setImmediate);
  connection.closed();
  return seen;
}

/** A body has no meaning for these methods, and is not passed on. */
export function isBodyless(method) {
  return method === 'GET' || method === 'HEAD';
}

/** A server of `node:http` that receives bytes without sockets. */
export function nodeReader() {
  const server = createServer({
    requireHostHeader: false,
    maxHeaderSize: 65_536,
    keepAliveTimeout: 0,
    headersTimeout: 0,
    requestTimeout: 0,
    connectionsCheckingInterval: 2 ** 30,
  });
  server.timeout = 0;
  const listener = (request, response) => {
    const { seen } = request.socket;
    const body = [];
    const entry = { request, body, hasEnded: false };
    seen.push(entry);
    request.on('data', (piece) => body.push(piece));
    request.on('error', () => {});
    request.on('end', () => {
      entry.hasEnded = request.complete;
      response.end('ok');
    });
  };
  for (const event of ['request', 'checkContinue', 'checkExpectation']) server.on(event, listener);
  // What came before an error is still delivered.
  const end = (_, socket) => void setImmediate(() => setImmediate(() => socket.destroy()));
  server.on('clientError', end);
  server.on('connect', end);
  return (pieces) =>
    new Promise((resolve) => {
      const socket = new Duplex({
        allowHalfOpen: true,
        read() {},
        write: (_piece, _encoding, done) => done(),
      });
      socket.seen = [];
      server.emit('connection', socket);
      socket.once('close', () =>
        resolve(
          socket.seen
            .filter(({ request }) => request.complete || isBodyless(request.method))
            .map(({ request, body, hasEnded }) => ({
              isWhole: request.complete,
              // The connection may end between a body and its reader.
              isBodyKnown: hasEnded,
              trailers: request.rawTrailers,
              ...told(request.method, request.url, request.rawHeaders, Buffer.concat(body)),
              version: request.httpVersion,
            })),
        ),
      );
      for (const piece of pieces) socket.push(Buffer.from(piece));
      socket.push(null);
    });
}
