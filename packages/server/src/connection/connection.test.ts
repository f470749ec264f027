import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { QuiverError } from '../errors.ts';
import type { Answer } from './answer.ts';
import { Connection } from './connection.ts';
import type { IncomingRequest } from './incoming-request.ts';
import {
  BODY_SECONDS,
  HEAD_SECONDS,
  LINGER_SECONDS,
  MAX_CONNECTIONS,
  REQUESTS_A_TURN,
  SILENCE_SECONDS,
} from './limits.ts';
import { OpenConnections } from './open-connections.ts';

const KEEP_ALIVE_SECONDS = 30;
const NONE = { text: '', closes: false };
const text = (body: string): Answer => ({ status: 200, headers: NONE, body });
const get = (path = '/') => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const post = (length: number) => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`;

let open: OpenConnections;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
  open = new OpenConnections();
});
afterEach(() => void vi.useRealTimers());

/** A connection over a fake socket, with what it sent and how it ended. */
function connect(answer: (request: IncomingRequest) => Answer | Promise<Answer> = ({ url }) => text(url)) {
  const state = { sent: '', takes: true, isPaused: false, isEnded: false, isClosed: false };
  const transport = {
    address: '',
    secure: false,
    write(data: string | Uint8Array) {
      state.sent += Buffer.from(data as string).toString('latin1');
      return state.takes;
    },
    pause() {
      state.isPaused = true;
    },
    resume() {
      state.isPaused = false;
    },
    end() {
      state.isEnded = true;
    },
    close() {
      state.isClosed = true;
    },
    destroy() {
      state.isClosed = true;
    },
  };
  const service = {
    keepAliveSeconds: KEEP_ALIVE_SECONDS,
    answer: (request: IncomingRequest, _caller: unknown, refusal: QuiverError | undefined) =>
      refusal ? { status: refusal.status, headers: NONE, body: refusal.message } : answer(request),
  };
  const connection = new Connection(transport, service, open);
  open.add(connection);
  return {
    state,
    connection,
    receive: (bytes: string) => connection.received(Buffer.from(bytes, 'latin1')),
    answers: () => [...state.sent.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status)),
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const pass = (seconds: number) => vi.advanceTimersByTime(seconds * 1000);

describe('the time limits of a connection', () => {
  test('close a silent connection, sooner at its start than between two requests', () => {
    const silent = connect();
    const used = connect();
    used.receive(get());
    pass(HEAD_SECONDS);
    expect([silent.state.isClosed, used.state.isClosed]).toEqual([true, false]);
    pass(KEEP_ALIVE_SECONDS - HEAD_SECONDS);
    expect(used.state.isClosed).toBe(false);
    pass(1);
    expect(used.state.isClosed).toBe(true);
  });

  test('apply to a whole head, however actively it trickles in; line breaks alone do not count as a head', () => {
    const { receive, answers, state } = connect();
    receive(`${get()}\r\n`);
    pass(HEAD_SECONDS + 2);
    receive('GET / HTTP/1.1\r\nX: ');
    for (let second = 0; second < HEAD_SECONDS; second += 1) {
      expect(answers()).toEqual([200]);
      receive('x');
      pass(1);
    }
    expect(answers()).toEqual([200, 408]);
    expect(state).toMatchObject({ isEnded: true, isClosed: false });
    pass(LINGER_SECONDS);
    expect(state.isClosed).toBe(true);
  });

  test.each([
    ['that pauses', SILENCE_SECONDS, 0],
    ['that trickles', BODY_SECONDS, 5],
  ])('end a body %s with 408', async (_, seconds, every) => {
    const failed = vi.fn();
    const { receive } = connect(async (request) => {
      await request.arrayBuffer().catch(failed);
      return text('');
    });
    receive(post(10_000));
    for (let second = 0; second < seconds; second += 1) {
      await turn();
      expect(failed).not.toHaveBeenCalled();
      if (every > 0 && second % every === 0) receive('x');
      pass(1);
    }
    await turn();
    expect(failed).toHaveBeenCalledWith(expect.objectContaining({ code: 'request-timeout' }));
  });

  test('cut a client that does not read its answer, and not one that reads slowly', () => {
    const [never, late] = [connect(), connect()];
    for (const { state, receive } of [never, late]) {
      state.takes = false;
      receive(get());
    }
    pass(SILENCE_SECONDS - 1);
    late.connection.drained();
    pass(1);
    expect([never.state.isClosed, late.state.isClosed]).toEqual([true, false]);
  });

  test('let a closing listener wait for answers, but not forever', async () => {
    const [idle, slow, endless] = [
      connect(),
      connect(({ url }) => Promise.resolve(text(url))),
      connect(() => new Promise(() => {})),
    ];
    idle.receive(get());
    slow.receive(get());
    endless.receive(get());
    const closing = open.close();
    expect([idle.state.isClosed, slow.state.isClosed]).toEqual([true, false]);
    await turn();
    expect(slow.state.sent).toContain('Connection: close');
    for (const { connection } of [idle, slow]) connection.closed();
    await vi.advanceTimersByTimeAsync(8000);
    await closing;
    expect(endless.state.isClosed).toBe(true);
  });
});

test('a closing listener ends a connection whose stream ends afterwards', async () => {
  let end = () => {};
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => {
      end = () => controller.close();
    },
  });
  const { receive, state, connection } = connect(() => ({ status: 200, headers: NONE, body: stream }));
  receive(get());
  await turn();
  const closing = open.close();
  end();
  await turn();
  expect([state.sent.endsWith('0\r\n\r\n'), state.isEnded]).toEqual([true, true]);
  connection.closed();
  await closing;
});

describe('the limits on what a connection may hold', () => {
  test('let bytes after a request that is being answered wait, up to a bound', async () => {
    let answer = () => {};
    const { receive, state, answers } = connect(
      ({ url }) =>
        new Promise((resolve) => {
          answer = () => resolve(text(url));
        }),
    );
    receive(get('/first'));
    for (let count = 0; count < 100 && !state.isPaused; count += 1) receive(get(`/${'x'.repeat(1000)}`));
    expect(state.isPaused).toBe(true);
    expect(answers()).toEqual([]);
    answer();
    await turn();
    expect(answers()).toEqual([200]);
    expect(state.sent).toMatch(/\/first$/);
  });

  test('stop answering a client that does not read its answers', () => {
    const { receive, state, answers, connection } = connect();
    state.takes = false;
    receive(get('/1') + get('/2'));
    expect(answers()).toEqual([200]);
    state.takes = true;
    connection.drained();
    expect(answers()).toEqual([200, 200]);
  });

  test('give other connections a turn after some requests of one connection', async () => {
    const { receive, answers } = connect();
    receive(get().repeat(3 * REQUESTS_A_TURN));
    expect(answers()).toHaveLength(REQUESTS_A_TURN);
    expect(REQUESTS_A_TURN).toBeLessThan(10);
    await turn();
    expect(answers()).toHaveLength(2 * REQUESTS_A_TURN);
    await turn();
    await turn();
    expect(answers()).toHaveLength(3 * REQUESTS_A_TURN);
  });

  test('close the oldest idle connection for a new one, or refuse the new one', () => {
    const closed: number[] = [];
    const stand = (number: number, isIdle: boolean) => ({
      isIdle,
      closeIdle: () => void closed.push(number),
      cut: () => {},
      tick: () => {},
    });
    for (let number = 0; number < MAX_CONNECTIONS; number += 1) open.add(stand(number, number === 7));
    expect(open.add(stand(MAX_CONNECTIONS, false))).toBe(true);
    expect(closed).toEqual([7]);
    expect(open.add(stand(MAX_CONNECTIONS + 1, false))).toBe(false);
  });

  test('send a stream no faster than it is read', async () => {
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulled += 1;
          controller.enqueue(new Uint8Array(1000));
        },
      },
      { highWaterMark: 0 },
    );
    const { receive, state, connection } = connect(() => ({ status: 200, headers: NONE, body }));
    state.takes = false;
    receive(get());
    for (let count = 0; count < 5; count += 1) await turn();
    expect(pulled).toBe(1);
    connection.drained();
    for (let count = 0; count < 5; count += 1) await turn();
    expect(pulled).toBe(2);
  });
});

test('a GET that differs from the one before only in its target is read as if it came alone', () => {
  const rest = ' HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n';
  const readAs = (first: string, bytes: string) => {
    const seen: unknown[] = [];
    const { receive, state } = connect(({ method, url, headers }) => {
      seen.push([method, url, headers.raw]);
      return text('');
    });
    if (first) receive(first);
    const before = state.sent.length;
    seen.length = 0;
    receive(bytes);
    return [seen, state.sent.slice(before)];
  };
  const near = fc.constantFrom(
    '',
    ' ',
    '\r\n',
    '\\',
    '#',
    '%',
    '?',
    'é',
    '\0',
    '//',
    'http://a/',
    ` HTTP/1.1\r\nHost: a\r\n\r\nGET /`,
  );
  const target = fc.tuple(fc.string(), near, fc.string()).map((parts) => `/${parts.join('')}`);
  fc.assert(
    fc.property(target, fc.constantFrom('GET ', 'get ', 'GET  ', 'HEAD '), (path, method) => {
      const bytes = `${method}${path}${rest}`;
      expect(readAs(`GET /before${rest}`, bytes)).toEqual(readAs('', bytes));
    }),
    { numRuns: 500 },
  );
});
