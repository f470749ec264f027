/** A server on loopback that receives the callbacks of privacy requests. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ReceivedCallback {
  readonly method: string;
  readonly path: string;
  readonly id: string;
  readonly timestamp: string;
  readonly signature: string;
  readonly body: string;
}

export interface CallbackTarget {
  readonly url: string;
  readonly received: readonly ReceivedCallback[];
  /** The status that it answers; 204 at first. */
  status: number;
  close(): Promise<void>;
}

export async function startCallbackTarget(): Promise<CallbackTarget> {
  const received: ReceivedCallback[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const header = (name: string) => String(request.headers[`webhook-${name}`]);
      received.push({
        ...{ method: request.method!, path: request.url!, id: header('id'), timestamp: header('timestamp') },
        ...{ signature: header('signature'), body: Buffer.concat(chunks).toString() },
      });
      const { status } = target;
      response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const target: CallbackTarget = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?x=1`,
    received,
    status: 204,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return target;
}
