import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Answer } from '../connection/answer.ts';
import type { IncomingRequest } from '../connection/incoming-request.ts';
import type { Service } from '../connection/service.ts';
import { currentRuntime } from './current-runtime.ts';
import type { Listener } from './runtime.ts';

let listener: Listener | undefined;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await listener?.close();
  listener = undefined;
});

/** Listens with one answer per path. */
async function listen(answers: Readonly<Record<string, Service['answer']>>, seconds = 30): Promise<void> {
  const runtime = await currentRuntime();
  listener = await runtime.listen({
    host: '127.0.0.1',
    port: 0,
    tls: undefined,
    keepAliveSeconds: seconds,
    answer: (request, caller, refusal) =>
      refusal
        ? text(`${refusal.message} (${request.method} ${request.url})`, refusal.status)
        : (answers[request.url] ?? notFound)(request, caller, refusal),
  });
}
const notFound: Service['answer'] = ({ url }) => text(`no ${url}`, 404);

/** Opens a connection and collects what it receives, byte by byte. */
async function open(): Promise<{ socket: Socket; received: () => string; closed: () => boolean }> {
  const socket = connect(listener!.port, '127.0.0.1');
  sockets.push(socket);
  let received = '';
  socket.setEncoding('latin1').on('data', (text) => {
    received += text;
  });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return { socket, received: () => received, closed: () => socket.closed };
}

async function allOf(text: string): Promise<string> {
  const { socket, received } = await open();
  const closed = once(socket, 'close');
  socket.write(text, 'latin1');
  await closed;
  return received().replace(/Date: [^\r]+/g, 'Date: now');
}

/** Reads a whole body piece by piece. */
async function readAll({ body }: IncomingRequest): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body ?? []) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

const get = (path: string, headers = '', version = '1.1') =>
  `GET ${path} HTTP/${version}\r\nHost: localhost\r\n${headers}\r\n`;
const KEPT = 'Connection: keep-alive\r\nKeep-Alive: timeout=30\r\n';
const CLOSE = 'Connection: close\r\n';
const text = (body: Answer['body'], status = 200, lines = '', closes = false): Answer => ({
  body,
  status,
  headers: { text: lines, closes },
});
const statuses = (received: string) => received.match(/HTTP\/1\.1 \d{3}/g)?.map((line) => line.slice(-3));

describe('a connection', () => {
  test.each<[string, Answer, string, string]>([
    ['ASCII', text('ok'), 'Content-Length: 2', 'ok'],
    ['Latin-1, which goes out as UTF-8', text('é'), 'Content-Length: 2', '\u00c3\u00a9'],
    ['beyond Latin-1', text('a€'), 'Content-Length: 4', 'a\u00e2\u0082\u00ac'],
    ['bytes', text(new Uint8Array([0, 255])), 'Content-Length: 2', '\u0000\u00ff'],
    ['an empty text', text(''), 'Content-Length: 0', ''],
    ['a stream', text(new Blob(['ab']).stream()), 'Transfer-Encoding: chunked', '2\r\nab\r\n0\r\n\r\n'],
  ])('sends %s', async (_, answer, framing, body) => {
    await listen({ '/': () => answer });
    const head = `HTTP/1.1 200 OK\r\nDate: now\r\nConnection: close\r\n${framing}\r\n\r\n`;
    const received = await allOf(get('/', CLOSE));
    expect(received).toBe(head + body);
  });

  test('sends no body with 204 and HEAD, and stays open', async () => {
    await listen({ '/': () => text(null, 204, 'Allow: GET\r\n'), '/head': () => text('long') });
    const received = await allOf(`${get('/')}HEAD /head HTTP/1.1\r\nHost: a\r\n\r\n${get('/', CLOSE)}`);
    expect(received).toBe(
      `HTTP/1.1 204 No Content\r\nAllow: GET\r\nDate: now\r\n${KEPT}\r\n` +
        `HTTP/1.1 200 OK\r\nDate: now\r\n${KEPT}Content-Length: 4\r\n\r\n` +
        'HTTP/1.1 204 No Content\r\nAllow: GET\r\nDate: now\r\nConnection: close\r\n\r\n',
    );
  });

  test('of HTTP/1.0 stays open only when the client asks and the length is known', async () => {
    await listen({ '/': () => text('ok'), '/stream': () => text(new Blob(['ab']).stream()) });
    const kept = 'Connection: keep-alive\r\n';
    const received = await allOf(get('/', kept, '1.0') + get('/stream', kept, '1.0') + get('/', kept, '1.0'));
    expect(statuses(received)).toEqual(['200', '200']);
    expect(received).toMatch(/\r\n\r\nab$/);
    expect(received.match(/Connection: .*/g)).toEqual(['Connection: keep-alive', 'Connection: close']);
    expect(received.match(/Keep-Alive: /g)).toHaveLength(1);
  });

  test('that is about to close does not announce how long it stays', async () => {
    await listen({ '/': () => text('bye', 400, '', true) });
    expect(await allOf(get('/'))).not.toContain('Keep-Alive');
  });

  test('is refused with another version of HTTP or with an invalid Host', async () => {
    await listen({});
    expect(statuses(await allOf(get('/', '', '2.0')))).toEqual(['505']);
    const refused = await allOf('GET / HTTP/1.1\r\nHost: a b\r\n\r\n');
    expect(refused).toContain('HTTP/1.1 400 Bad Request');
    expect(refused).toContain('Host: must be one host name (GET /)');
  });

  test('joins repeated headers, and reports the address of the client', async () => {
    await listen({ '/': ({ headers }, { address }) => text(`${headers.get('x')} from ${address}`) });
    expect(await allOf(get('/', `X: a\r\nx:\t b \r\n${CLOSE}`))).toContain('a, b from 127.0.0.1');
  });

  test('sends answers in the order of the requests, however many wait for the end of a turn', async () => {
    const numbers = Array.from({ length: 200 }, (_, at) => at);
    await listen(
      Object.fromEntries(
        numbers.map((at) => [
          `/${at}`,
          () => (at % 3 === 0 ? Promise.resolve(text(`<${at}>`)) : text(`<${at}>`)),
        ]),
      ),
    );
    const received = await allOf(numbers.map((at) => get(`/${at}`, at === 199 ? CLOSE : '')).join(''));
    expect(received.match(/<\d+>/g)).toEqual(numbers.map((at) => `<${at}>`));
  });

  test('closes, alone, when its answer cannot be sent, and the failure is reported', async () => {
    const bad = {
      get text(): string {
        throw new TypeError('not a header');
      },
      closes: false,
    };
    await listen({ '/bad': () => ({ body: '', status: 200, headers: bad }), '/': () => text('ok') });
    // Otherwise the test runner would report it as its own failure.
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    const heard = once(process, 'unhandledRejection');
    onTestFinished(() => {
      for (const other of others) process.on('unhandledRejection', other);
    });
    const [cut, good] = await Promise.all([allOf(get('/bad')), allOf(get('/', CLOSE))]);
    expect([cut, statuses(good)]).toEqual(['', ['200']]);
    expect((await heard)[0]).toMatchObject({ message: 'not a header' });
  });

  describe('request bodies', () => {
    const post = (path: string, headers: string) => `POST ${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n\r\n`;

    test.each([
      ['by length', `${post('/', 'Content-Length: 3')}abc`],
      ['in chunks', `${post('/', 'Transfer-Encoding: chunked')}1\r\na\r\n2\r\nbc\r\n0\r\n\r\n`],
      ['nothing', post('/', 'X: y')],
    ])('are read %s, both as a stream and whole, and the connection stays open', async (how, bytes) => {
      await listen({
        '/': async (request) => {
          const whole =
            how === 'by length' ? Buffer.from(await request.arrayBuffer()) : await readAll(request);
          return text(`<${whole}>`);
        },
        '/end': ({ body }) => text(`<${body}>`),
      });
      const received = await allOf(bytes + get('/end', CLOSE));
      expect(received.match(/<.*>/g)).toEqual([how === 'nothing' ? '<>' : '<abc>', '<null>']);
    });

    test.each<[string, (request: IncomingRequest) => Promise<unknown>]>([
      ['a stream', readAll],
      ['whole', (request) => request.arrayBuffer()],
    ])('fail when they are cut short, read as %s', async (_, read) => {
      const failed = vi.fn();
      await listen({
        '/': async (request) => {
          await read(request).catch(failed);
          return text('');
        },
      });
      const { socket } = await open();
      socket.write(`${post('/', 'Content-Length: 9')}abc`);
      await new Promise((resolve) => socket.write('', resolve));
      socket.end();
      socket.destroy();
      await vi.waitFor(() => expect(failed).toHaveBeenCalledWith(expect.any(Error)), 5000);
    });

    test('that are read slowly slow their sender down', async () => {
      let read = () => {};
      await listen({
        '/': async ({ body }) => {
          await body!.next();
          await new Promise<void>((resolve) => {
            read = resolve;
          });
          let bytes = 0;
          for await (const piece of body!) bytes += piece.length;
          return text(`${bytes > 0}`);
        },
      });
      const { socket, received } = await open();
      const length = 64 * 1024 * 1024;
      socket.write(post('/', `Content-Length: ${length}\r\n${CLOSE.trim()}`));
      socket.write(Buffer.alloc(length));
      // Both kernels buffer far less than this; the rest waits here.
      await vi.waitFor(async () => {
        const before = socket.bytesWritten - socket.writableLength;
        await new Promise((resolve) => setTimeout(resolve, 200));
        expect(socket.bytesWritten - socket.writableLength).toBe(before);
      }, 5000);
      expect(socket.writableLength).toBeGreaterThan(length / 2);
      read();
      await vi.waitFor(() => expect(received()).toMatch(/true$/), 10_000);
    });

    test.each<[string, (request: IncomingRequest) => Promise<unknown>]>([
      ['nobody reads', () => Promise.resolve()],
      [
        'is read in part',
        async ({ body }) => {
          await body!.next();
          await body!.return();
        },
      ],
    ])('that %s are received after the answer, and then the next request is answered', async (_, read) => {
      await listen({
        '/': async (request) => {
          await read(request);
          return text('early', 413);
        },
        '/next': () => text('next'),
      });
      const { socket, received } = await open();
      socket.write(`${post('/', 'Content-Length: 300000')}${'x'.repeat(100_000)}`);
      await vi.waitFor(() => expect(received()).toMatch(/early$/), 5000);
      socket.write('x'.repeat(200_000) + get('/next'));
      await vi.waitFor(() => expect(received()).toMatch(/next$/), 5000);
    });

    test('that arrived whole but were read in part do not delay the next request', async () => {
      await listen({
        '/': async ({ body }) => {
          await body!.next();
          return text('early', 413);
        },
        '/next': () => text('next'),
      });
      const { socket, received } = await open();
      const chunk = `2710\r\n${'x'.repeat(10_000)}\r\n`;
      socket.write(`${post('/', 'Transfer-Encoding: chunked')}${chunk.repeat(5)}0\r\n\r\n`);
      await vi.waitFor(() => expect(received()).toMatch(/early$/), 5000);
      socket.write(get('/next'));
      await vi.waitFor(() => expect(received()).toMatch(/next$/), 5000);
    });

    test('that are unread and endless cost the connection', async () => {
      await listen({ '/': () => text('early', 413) });
      const { socket, received, closed } = await open();
      socket.write(`${post('/', 'Transfer-Encoding: chunked')}1\r\nx\r\n`);
      const trickle = setInterval(() => socket.write('1\r\nx\r\n'), 20);
      await vi.waitFor(() => expect(closed()).toBe(true), 5000);
      clearInterval(trickle);
      expect(statuses(received())).toEqual(['413']);
    });
  });

  describe('a streamed reply', () => {
    function endless(): {
      stream: ReadableStream<Uint8Array>;
      pulled: () => number;
      cancelled: () => boolean;
    } {
      let pulled = 0;
      let cancelled = false;
      const stream = new ReadableStream<Uint8Array>({
        pull(controller) {
          pulled += 1;
          controller.enqueue(new Uint8Array(65_536));
        },
        cancel() {
          cancelled = true;
        },
      });
      return { stream, pulled: () => pulled, cancelled: () => cancelled };
    }

    test('waits for a slow reader, and is released when the reader disconnects', async () => {
      const { stream, pulled, cancelled } = endless();
      await listen({ '/': () => text(stream) });
      const { socket } = await open();
      socket.write(get('/'));
      await once(socket, 'data');
      socket.pause();
      await vi.waitFor(async () => {
        const before = pulled();
        await new Promise((resolve) => setTimeout(resolve, 200));
        expect(pulled()).toBe(before);
      }, 5000);
      socket.destroy();
      await vi.waitFor(() => expect(cancelled()).toBe(true), 5000);
    });

    test('cuts the connection when it fails, so that a part is not taken for the whole', async () => {
      const stream = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(new Uint8Array([97])),
        pull: () => Promise.reject(new Error('broken')),
      });
      await listen({ '/': () => text(stream) });
      expect(await allOf(get('/'))).not.toContain('0\r\n\r\n');
    });
  });

  test('closing answers requests in flight, even pipelined ones, and closes idle connections', async () => {
    let answerFirst = () => {};
    await listen({
      '/first': () =>
        new Promise<Answer>((resolve) => {
          answerFirst = () => resolve(text('first'));
        }),
      '/second': () => text('second'),
    });
    const idle = await open();
    const busy = await open();
    busy.socket.write(get('/first') + get('/second'));
    await vi.waitFor(() => {
      answerFirst();
      expect(busy.received()).toMatch(/second$/);
    }, 5000);
    busy.socket.write(get('/first') + get('/second'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const closing = listener!.close();
    await vi.waitFor(() => expect(idle.closed()).toBe(true), 5000);
    expect(busy.closed()).toBe(false);
    answerFirst();
    await closing;
    await vi.waitFor(() => expect(busy.closed()).toBe(true), 5000);
    expect(busy.received().match(/first|second/g)).toEqual(['first', 'second', 'first', 'second']);
    listener = undefined;
  });
});
