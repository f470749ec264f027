/**
 * A limit for fetches on Bun: the sockets that Quiver uses and its engine, with nothing in between.
 * Each request is taken as a whole GET of a profile, its id is read, looked up once, and the stored
 * bytes are sent behind a constant head. Without a parser, links, checksums, expiry, JSON, access,
 * counting or logging.
 *
 *   bare-sockets.mjs BYTES FOLDER PROFILES     prints its port
 */

import { createRequire } from 'node:module';
import { idOf } from './profiles.mjs';

const ID_BYTES = 16;
/** Where the id begins in "GET /rest/v1/profiles/…". */
const ID_AT = 'GET /rest/v1/profiles/'.length;
const STEP = 20_000;

const [bytes, folder, profiles] = [Number(process.argv[2]), process.argv[3], Number(process.argv[4])];
const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json;charset=UTF-8\r\ncache-control: no-store\r\ncontent-length: ${bytes}\r\n\r\n`;
const reply = Buffer.alloc(head.length + bytes, 'x');
reply.write(head, 'latin1');
const records = await fill();

const server = Bun.listen({
  hostname: '127.0.0.1',
  port: 0,
  socket: {
    data(socket, request) {
      const id = Buffer.from(request.latin1Slice(ID_AT, ID_AT + 2 * ID_BYTES), 'hex');
      records.getBinaryFast(id).copy(reply, head.length, 0, bytes);
      socket.write(reply);
    },
  },
});
process.stdout.write(`${server.port}\n`);

async function fill() {
  const { open } = createRequire(new URL('../packages/server/package.json', import.meta.url))('lmdb');
  const engine = open({ path: folder, noMemInit: true, mapSize: 2 ** 34 });
  const table = engine.openDB('records', { keyEncoding: 'binary', encoding: 'binary' });
  const record = Buffer.alloc(bytes, 'x');
  for (let from = 0; from < profiles; from += STEP) {
    engine.transactionSync(() => {
      for (let at = from; at < Math.min(profiles, from + STEP); at += 1) {
        table.putSync(Buffer.from(idOf(at), 'hex'), record);
      }
    });
  }
  await engine.flushed;
  return table;
}
