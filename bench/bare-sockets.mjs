/**
 * A limit for fetches and updates on Bun: the sockets that Quiver uses and its engine, with nothing
 * in between. A GET is taken as a whole fetch of a profile: its id is read, looked up once, and the
 * stored bytes are sent behind a constant head. A POST appends one record, and is answered when it
 * is on disk. Without a parser, links, checksums, expiry, JSON, access, counting or logging.
 *
 *   bare-sockets.mjs BYTES FOLDER PROFILES     prints its port
 */

import { createRequire } from 'node:module';
import { idOf } from './profiles.mjs';

const ID_BYTES = 16;
/** Where the id begins in "GET /rest/v1/profiles/…". */
const ID_AT = 'GET /rest/v1/profiles/'.length;
const STEP = 20_000;
const NUMBER_BYTES = 6;
/** The P of POST. */
const POST = 0x50;

const [bytes, folder, profiles] = [Number(process.argv[2]), process.argv[3], Number(process.argv[4])];
const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json;charset=UTF-8\r\ncache-control: no-store\r\ncontent-length: ${bytes}\r\n\r\n`;
const reply = Buffer.alloc(head.length + bytes, 'x');
reply.write(head, 'latin1');
/** About what Quiver stores of such a profile. */
const record = Buffer.alloc(Math.round(bytes / 3), 'x');
const { records, log } = await fill();
const done = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n';
let appended = 0;

const server = Bun.listen({
  hostname: '127.0.0.1',
  port: 0,
  socket: {
    data(socket, request) {
      if (request[0] === POST) {
        appended += 1;
        const key = Buffer.alloc(NUMBER_BYTES);
        key.writeUIntBE(appended, 0, NUMBER_BYTES);
        log.put(key, record, { append: true }).then(() => socket.write(done));
        return;
      }
      const id = Buffer.from(request.latin1Slice(ID_AT, ID_AT + 2 * ID_BYTES), 'hex');
      records.getBinaryFast(id).copy(reply, head.length, 0, bytes);
      socket.write(reply);
    },
  },
});
process.stdout.write(`${server.port}\n`);

async function fill() {
  const { open } = createRequire(new URL('../packages/server/package.json', import.meta.url))('lmdb');
  const engine = open({ path: folder, overlappingSync: false, noMemInit: true, mapSize: 2 ** 34 });
  const binary = { keyEncoding: 'binary', encoding: 'binary' };
  const table = engine.openDB('records', binary);
  for (let from = 0; from < profiles; from += STEP) {
    engine.transactionSync(() => {
      for (let at = from; at < Math.min(profiles, from + STEP); at += 1) {
        table.putSync(Buffer.from(idOf(at), 'hex'), reply.subarray(head.length));
      }
    });
  }
  await engine.flushed;
  return { records: table, log: engine.openDB('log', binary) };
}
