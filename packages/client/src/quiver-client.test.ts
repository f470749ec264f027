import { describe, expect, test } from 'vitest';
import {
  encodeBatches,
  type ProfileRecord,
  QuiverArgumentError,
  QuiverClient,
  QuiverClientError,
} from './index.ts';

type Answer = Response | Error | ((signal: AbortSignal) => Promise<Response>);

/** A client whose requests get the given answers in order, and a record of what it sent. */
function scripted(answers: Answer[], options: { timeoutMs?: number; retries?: number; token?: string } = {}) {
  const sent: { url: URL; init: RequestInit }[] = [];
  const quiver = new QuiverClient({
    url: 'http://quiver.test/',
    client: 'acme',
    token: () => 'secret',
    ...options,
    async fetch(url, init) {
      sent.push({ url: new URL(url), init });
      const answer = answers.shift();
      if (answer === undefined) throw new Error('not scripted');
      if (answer instanceof Error) throw answer;
      return typeof answer === 'function' ? answer(init.signal!) : answer;
    },
  });
  return { quiver, sent };
}

const json = (value: unknown, status = 200, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(value), { status, headers });
const xml = (text: string, status = 200) => new Response(`<response>${text}</response>`, { status });
const PROFILE = { client: 'acme', visitorId: 'a', modifiedAt: 'x', profileAttributes: {} };
const LOST = new TypeError('fetch failed');
/** An answer that never comes. */
const silent = (signal: AbortSignal) =>
  new Promise<Response>((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason as Error)),
  );

describe('a fetch', () => {
  test.each([
    [{ tntId: 'a.28_20' }, '/rest/v1/profiles/a.28_20'],
    [{ thirdPartyId: 'é/?' }, '/rest/v1/profiles/thirdPartyId/%C3%A9%2F%3F'],
    [{ marketingCloudVisitorId: '1' }, '/rest/v1/profiles/marketingCloudVisitorId/1'],
  ])('reads the path %j', async (id, path) => {
    const { quiver, sent } = scripted([json(PROFILE)]);
    expect(await quiver.fetchProfile(id)).toEqual(PROFILE);
    expect(sent[0]!.url.href).toBe(`http://quiver.test${path}?client=acme`);
    expect(sent[0]!.init).toMatchObject({
      method: 'GET',
      redirect: 'error',
      headers: { authorization: 'Bearer secret' },
    });
  });

  test('returns undefined only for the 404 of the contract', async () => {
    const none = json(
      { status: 404, message: 'No profile found for client acme with third party id=x' },
      404,
    );
    expect(await scripted([none]).quiver.fetchProfile({ thirdPartyId: 'x' })).toBeUndefined();
    for (const other of [
      json({ status: 404, message: 'No such client: acme' }, 404),
      json({ status: 404, message: 'No such path: /x' }, 404),
      new Response('<html>Not Found</html>', { status: 404 }),
    ]) {
      await expect(scripted([other]).quiver.fetchProfile({ thirdPartyId: 'x' })).rejects.toMatchObject({
        kind: 'refused',
        status: 404,
      });
    }
  });

  test('refuses a page that is not a profile', async () => {
    const page = scripted([new Response('<html>Welcome</html>')]);
    await expect(page.quiver.fetchProfile({ tntId: 'a' })).rejects.toMatchObject({
      kind: 'unexpected',
      status: 200,
    });
  });
});

describe('an update', () => {
  const done = () => xml('<success>true</success><pcId></pcId><message>ok</message>');

  test('sends a form and returns true, or false when there is no such profile', async () => {
    const { quiver, sent } = scripted([done()]);
    expect(await quiver.updateProfile({ thirdPartyId: 'a&b' }, { 'plan é': 'x=1', count: 3, is: true })).toBe(
      true,
    );
    expect(sent[0]!.url.pathname).toBe('/m2/acme/profile/update');
    expect(sent[0]!.init.body).toBe(
      'mbox3rdPartyId=a%26b&profile.plan+%C3%A9=x%3D1&profile.count=3&profile.is=true',
    );
    const none = xml(
      '<success>false</success><pcId></pcId><message>No profile found for client acme</message>',
    );
    expect(await scripted([none]).quiver.updateProfile({ tntId: 'x' }, { a: 'b' })).toBe(false);
  });

  test('throws an error with the words of the server when it is refused', async () => {
    const refused = xml('<success>false</success><pcId></pcId><message>a &amp; b &#233; &lt;</message>', 400);
    const failure = await scripted([refused]).quiver.updateProfile({ tntId: 'x' }, { a: 'b' }).catch(String);
    expect(failure).toBe('QuiverClientError: a & b é <');
  });

  test('refuses an ECID as the id of the profile', async () => {
    await expect(scripted([]).quiver.updateProfile({ marketingCloudVisitorId: '1' }, {})).rejects.toThrow(
      TypeError,
    );
  });
});

describe('repeated calls', () => {
  const busy = (after = '0') => json({ status: 503, message: 'later' }, 503, { 'retry-after': after });
  const visitReply = { status: 200, requestId: 'r', client: 'acme', id: {} };

  test('reads and updates are sent again after 503, after 429 and after a lost connection', async () => {
    const { quiver, sent } = scripted([busy(), LOST, json({}, 429, { 'retry-after': '0' }), json(PROFILE)]);
    const waits: [number, number][] = [];
    const onRetry = (status: number, ms: number) => void waits.push([status, ms]);
    expect(await quiver.fetchProfile({ tntId: 'a' }, { onRetry })).toEqual(PROFILE);
    expect(sent).toHaveLength(4);
    expect(waits.map(([status]) => status)).toEqual([503, 0, 429]);
    // As long as the server said; without a value, a little longer each time.
    expect([waits[0]![1], waits[2]![1]]).toEqual([0, 0]);
    expect(waits[1]![1]).toBeGreaterThanOrEqual(200);
  });

  test('a call is sent at most as often as configured, and then the last refusal is thrown', async () => {
    const { quiver, sent } = scripted([busy(), busy('7')], { retries: 1 });
    const failure: unknown = await quiver.fetchProfile({ tntId: 'a' }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(QuiverClientError);
    expect(failure).toMatchObject({ kind: 'refused', status: 503, message: 'later', retryAfterMs: 7000 });
    expect(sent).toHaveLength(2);
  });

  test('a call waits as long as the server asks, and a long wait is reported at once', async () => {
    const { quiver, sent } = scripted([busy('3600')]);
    await expect(quiver.fetchProfile({ tntId: 'a' })).rejects.toMatchObject({ retryAfterMs: 3_600_000 });
    expect(sent).toHaveLength(1);
  });

  test('a visit with an id is sent again; one without an id only after the server said it was busy', async () => {
    const named = scripted([LOST, json(visitReply)]);
    await named.quiver.visit({ id: { tntId: 'a' } });
    expect(named.sent).toHaveLength(2);
    // The same session both times.
    expect(named.sent[0]!.url.href).toBe(named.sent[1]!.url.href);
    const unnamed = scripted([busy(), json(visitReply)]);
    await unnamed.quiver.visit({});
    expect(unnamed.sent).toHaveLength(2);
    const lost = scripted([LOST, json(visitReply)]);
    await expect(lost.quiver.visit({})).rejects.toMatchObject({ kind: 'unreachable', status: 0 });
    expect(lost.sent).toHaveLength(1);
  });

  test.each<[what: string, call: (quiver: QuiverClient) => Promise<unknown>]>([
    ['a batch', (quiver) => quiver.uploadBatch('batch=pcId,a\n')],
    ['a new token', (quiver) => quiver.admin.newToken()],
    ['a file of customer attributes', (quiver) => quiver.admin.uploadCustomerAttributes('crm', 'id,a\n')],
  ])('%s is not sent again after its reply was lost', async (_, call) => {
    const { quiver, sent } = scripted([LOST, json({})]);
    await expect(call(quiver)).rejects.toMatchObject({ kind: 'unreachable' });
    expect(sent).toHaveLength(1);
  });

  test('nothing is sent again after a plain refusal', async () => {
    const { quiver, sent } = scripted([json({ message: 'Forbidden' }, 403)]);
    await expect(quiver.fetchProfile({ tntId: 'a' })).rejects.toMatchObject({
      status: 403,
      message: 'Forbidden',
    });
    expect(sent).toHaveLength(1);
  });
});

test.each([
  [
    'ECONNRESET',
    'socket closed. For more information, pass `verbose: true` in the second argument',
    'the connection was closed',
  ],
  ['FailedToOpenSocket', 'Unable to open. Was there a typo in the url or port?', 'Unable to open.'],
  ['ConnectionRefused', 'Unable to connect. Is the computer able to access the url?', 'connection refused'],
])('a message on %s does not repeat advice meant for callers of fetch', async (code, message, says) => {
  const { quiver } = scripted([Object.assign(new Error(message), { code })], { retries: 0 });
  await expect(quiver.fetchProfile({ tntId: 'a' })).rejects.toThrow(
    new RegExp(`^cannot reach http://quiver.test: ${says}$`),
  );
});

describe('time and signals', () => {
  test('an attempt that takes too long is ended, and the call is sent again if that is safe', async () => {
    const { quiver, sent } = scripted([silent, json(PROFILE)], { timeoutMs: 20 });
    expect(await quiver.fetchProfile({ tntId: 'a' })).toEqual(PROFILE);
    expect(sent).toHaveLength(2);
    const slow = scripted([silent], { timeoutMs: 20, retries: 0 });
    await expect(slow.quiver.fetchProfile({ tntId: 'a' })).rejects.toMatchObject({
      kind: 'timeout',
      status: 0,
    });
  });

  test('a signal ends a call with its own reason, both while it is sent and while it waits', async () => {
    const reason = new Error('the page was left');
    const during = new AbortController();
    const call = scripted([silent]).quiver.fetchProfile({ tntId: 'a' }, { signal: during.signal });
    during.abort(reason);
    await expect(call).rejects.toBe(reason);

    const between = new AbortController();
    const waiting = scripted([json({}, 503, { 'retry-after': '50' })]);
    const onRetry = () => between.abort(reason);
    const retried = waiting.quiver.fetchProfile({ tntId: 'a' }, { signal: between.signal, onRetry });
    await expect(retried).rejects.toBe(reason);

    const { quiver, sent } = scripted([]);
    await expect(quiver.fetchProfile({ tntId: 'a' }, { signal: between.signal })).rejects.toBe(reason);
    expect(sent).toEqual([]);
  });
});

describe('batches', () => {
  const textsOf = async (records: ProfileRecord[], limits = {}) => {
    const texts: string[] = [];
    for await (const { bytes, rows, firstRecord } of encodeBatches(records, 'thirdPartyId', limits)) {
      texts.push(`${firstRecord}+${rows} ${new TextDecoder().decode(bytes)}`);
    }
    return texts;
  };

  test('all records share one header, and cells are placed and encoded correctly', async () => {
    const records = [
      { id: 'a,b', attributes: { plan: 'gold, 50 %', n: 1 } },
      { id: 'é', attributes: { 'x y': '+', plan: '' } },
    ];
    expect(await textsOf(records)).toEqual([
      '0+2 batch=thirdPartyId,plan,n,x%20y\na%2Cb,gold%2C%2050%20%25,1,\n%C3%A9,,,%2B\n',
    ]);
  });

  test('an undefined value is left out, so records of different shapes have one type', async () => {
    const records = [
      { id: 'a', attributes: { plan: 'gold' } },
      { id: 'b', attributes: { country: 'spain', plan: undefined } },
    ];
    expect(await textsOf(records)).toEqual(['0+2 batch=thirdPartyId,plan,country\na,gold,\nb,,spain\n']);
    await expect(textsOf([{ id: 'a', attributes: { plan: undefined } }])).rejects.toThrow(
      new RangeError('record 0: attributes: must name at least one'),
    );
  });

  test('records are split into as many files as the limits require, each with the columns of its own rows', async () => {
    const records = Array.from({ length: 5 }, (_, n) => ({ id: `${n}`, attributes: { [`c${n}`]: 'v' } }));
    expect(await textsOf(records, { maxRows: 2 })).toEqual([
      '0+2 batch=thirdPartyId,c0,c1\n0,v,\n1,,v\n',
      '2+2 batch=thirdPartyId,c2,c3\n2,v,\n3,,v\n',
      '4+1 batch=thirdPartyId,c4\n4,v\n',
    ]);
  });

  test('no file exceeds the limit, and no file had room for the next record', async () => {
    const records = Array.from({ length: 300 }, (_, n) => ({
      id: `id-${n}`,
      attributes: { [`a${n % 7}`]: 'é'.repeat(n % 11), [`b${n % 3}`]: n },
    }));
    const sizes: number[] = [];
    let rows = 0;
    for await (const batch of encodeBatches(records, 'pcId', { maxBytes: 1000 })) {
      expect(batch.firstRecord).toBe(rows);
      rows += batch.rows;
      expect(batch.bytes.length).toBeLessThanOrEqual(1000);
      // With the next record it would have been too large.
      const more = records.slice(batch.firstRecord, rows + 1);
      for await (const larger of encodeBatches(more, 'pcId')) sizes.push(larger.bytes.length);
    }
    expect(rows).toBe(300);
    expect(Math.min(...sizes.slice(0, -1))).toBeGreaterThan(1000);
  });

  test.each<[what: string, record: ProfileRecord, says: string]>([
    ['without an id', { id: '', attributes: { a: 'b' } }, 'record 0: id: must not be empty'],
    ['without attributes', { id: 'a' } as ProfileRecord, 'record 0: attributes: must be an object'],
    ['that is none', undefined!, 'record 0: must be an object with id and attributes'],
    ['that sets nothing', { id: 'a', attributes: {} }, 'record 0: attributes: must name at least one'],
    [
      'that no file takes',
      { id: 'a', attributes: { a: 'x'.repeat(100) } },
      'record 0: too large for a batch',
    ],
  ])('a record %s is refused', async (_, record, says) => {
    await expect(textsOf([record], { maxBytes: 100 })).rejects.toThrow(new RangeError(says));
  });

  test('files are sent, and the client waits while the server is away', async () => {
    const status = (text: string) => xml(`<batchId>acme-1-2</batchId>${text}`);
    const { quiver, sent } = scripted([
      xml(
        '<success>true</success><batchStatus>http://quiver.test/m2/acme/profile/batchStatus?batchId=acme-1-2</batchStatus>',
      ),
      status('<status>incomplete</status><batchSize>2</batchSize><consumedCount>0</consumedCount>'),
      LOST,
      status(
        '<status>complete</status><batchSize>2</batchSize><consumedCount>2</consumedCount><successfulUpdates>1</successfulUpdates>' +
          '<failedUpdates>1</failedUpdates><profile><id>b&amp;c</id><status>failed</status></profile>',
      ),
    ]);
    const applied = [];
    for await (const batch of quiver.updateProfiles([
      { id: 'a', attributes: { x: 1 } },
      { id: 'b&c', attributes: { x: 2 } },
    ])) {
      applied.push(batch);
    }
    expect(applied).toEqual([
      {
        batchId: 'acme-1-2',
        status: 'complete',
        size: 2,
        consumed: 2,
        successful: 1,
        failed: 1,
        failedIds: ['b&c'],
        firstRecord: 0,
      },
    ]);
    expect(sent[0]!.url.pathname).toBe('/m2/acme/v2/profile/batchUpdate');
    expect(sent[1]!.url.search).toBe('?client=acme&batchId=acme-1-2&showDetails=true');
  });
});

describe('what cannot be sent is refused before anything is sent', () => {
  const KINDS = 'id: must be an object with exactly one of tntId, thirdPartyId, marketingCloudVisitorId';
  const wrongIds: [id: unknown, says: string][] = [
    [{ ecid: '1' }, KINDS],
    [{}, KINDS],
    [{ tntId: undefined }, KINDS],
    [{ tntId: 'a', thirdPartyId: 'b' }, KINDS],
    ['a', KINDS],
    [undefined, KINDS],
    [null, KINDS],
    [{ tntId: '' }, 'tntId: must be a string that is not empty'],
    [{ thirdPartyId: 7 }, 'thirdPartyId: must be a string that is not empty'],
    // A fetch would resolve them as path steps, and remove or show something else.
    [{ thirdPartyId: '.' }, 'thirdPartyId: "." cannot be a part of a URL'],
    [{ tntId: '..' }, 'tntId: ".." cannot be a part of a URL'],
  ];
  const refused = async (call: (quiver: QuiverClient) => Promise<unknown>) => {
    const { quiver, sent } = scripted([json(PROFILE)]);
    const failure: unknown = await call(quiver).catch((error: unknown) => error);
    expect(sent).toEqual([]);
    expect(failure).toBeInstanceOf(TypeError);
    expect(failure).toBeInstanceOf(QuiverArgumentError);
    return (failure as TypeError).message;
  };

  test.each(wrongIds)('the id %j is refused', async (wrong, says) => {
    const id = wrong as { tntId: string };
    expect(await refused((quiver) => quiver.fetchProfile(id))).toBe(says);
    expect(await refused((quiver) => quiver.removeProfile(id))).toBe(says);
    expect(await refused((quiver) => quiver.removeAttribute(id, 'plan'))).toBe(says);
    if (says.includes('URL')) return;
    const ofUpdate = says.replace(', marketingCloudVisitorId', '');
    expect(await refused((quiver) => quiver.updateProfile(id, { a: 'b' }))).toBe(ofUpdate);
  });

  test.each(['…', 'a\nb', 'é'])('the token %j is refused', async (token) => {
    const { quiver, sent } = scripted([json(PROFILE)], { token });
    await expect(quiver.fetchProfile({ tntId: 'a' })).rejects.toThrow(
      new QuiverArgumentError('token: must consist of visible ASCII characters'),
    );
    expect(sent).toEqual([]);
  });

  test('an attribute whose name would address the profile itself is refused', async () => {
    expect(await refused((quiver) => quiver.removeAttribute({ tntId: 'a' }, '..'))).toBe(
      'attribute name: ".." cannot be a part of a URL',
    );
  });

  test.each<[what: string, call: (quiver: QuiverClient) => Promise<unknown>]>([
    ['batchStatus', (quiver) => quiver.batchStatus('')],
    ['waitForBatch', (quiver) => quiver.waitForBatch(undefined!)],
    ['admin.batch', (quiver) => quiver.admin.batch('')],
    ['admin.failures', (quiver) => quiver.admin.failures(undefined!)],
    ['admin.failuresFile', (quiver) => quiver.admin.failuresFile('')],
    ['admin.retryBatch', (quiver) => quiver.admin.retryBatch('')],
    ['admin.profile', (quiver) => quiver.admin.profile(undefined!)],
    ['admin.setAttributes', (quiver) => quiver.admin.setAttributes('', 'tntId', { a: 'b' })],
    ['admin.removeAttribute', (quiver) => quiver.admin.removeAttribute(undefined!, 'tntId', 'a')],
    ['admin.removeProfile', (quiver) => quiver.admin.removeProfile(undefined!, 'tntId')],
  ])('%s refuses a missing id', async (_, call) => {
    expect(await refused(call)).toMatch(/^(batch )?id: must be a string that is not empty$/);
  });

  test('a visit refuses unknown kinds of id and ids that are not text', async () => {
    const visit = (id: unknown) => refused((quiver) => quiver.visit({ id: id as object }));
    expect(await visit({ ecid: '1' })).toBe(
      'id.ecid: unknown; the ids are tntId, thirdPartyId, marketingCloudVisitorId, customerIds',
    );
    expect(await visit({ tntId: '' })).toBe('id.tntId: must be a string that is not empty');
    expect(await visit('a')).toMatch(/^id: must be an object/);
  });

  test.each([undefined, null, {}, Symbol('x')])('the value %s of an attribute is refused', async (value) => {
    const attributes = { plan: value as unknown as string };
    const says = 'plan: must be a string, a number or a boolean';
    expect(await refused((quiver) => quiver.updateProfile({ tntId: 'a' }, attributes))).toBe(says);
    const execute = { pageLoad: { profileParameters: attributes } };
    expect(await refused((quiver) => quiver.visit({ execute }))).toBe(says);
  });

  test('a client without a client code is refused', () => {
    expect(() => new QuiverClient({ url: 'http://x', client: undefined! })).toThrow(/^client: /);
  });
});

describe('a visit', () => {
  const reply = () => json({ status: 200, requestId: 'r', client: 'acme', id: {} });

  test('sends profile parameters as text, in every part of the request', async () => {
    const { quiver, sent } = scripted([reply()]);
    const part = { profileParameters: { visits: 3, isNew: false, plan: 'gold' }, parameters: { a: 'b' } };
    const parts = { pageLoad: part, mboxes: [{ index: 0, ...part }] };
    await quiver.visit({ execute: parts, prefetch: { ...parts, views: [part] }, notifications: [part] });
    const text = sent[0]!.init.body as string;
    expect(text.match(/"visits":"3","isNew":"false","plan":"gold"/g)).toHaveLength(6);
    expect(text.match(/"parameters":\{"a":"b"\}/g)).toHaveLength(6);
  });

  test('is not sent again after a lost reply when its id is undefined', async () => {
    const { quiver, sent } = scripted([LOST, reply()]);
    const id = { tntId: undefined } as unknown as { tntId: string };
    await expect(quiver.visit({ id })).rejects.toMatchObject({ kind: 'unreachable' });
    expect(sent).toHaveLength(1);
  });
});

test('an address without a scheme gets a message that says so', () => {
  expect(() => new QuiverClient({ url: '127.0.0.1:8680', client: 'acme' })).toThrow(
    /^url: must begin with http/,
  );
});

test.each(['ftp://x', 'http://user:secret@x', 'http://x/?a=b', 'nonsense'])(
  'the address %s is refused',
  (url) => {
    expect(() => new QuiverClient({ url, client: 'acme' })).toThrow(TypeError);
  },
);

test('the client streams the calls that a server receives until the signal ends it', async () => {
  const end = new AbortController();
  const event = (id: number) => `id: ${id}\nevent: call\ndata: {"id":${id}}\n\n`;
  let isCancelled = false;
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      const text = `: the journal\n\n${event(1)}${event(2)}`;
      // An event may arrive in pieces.
      for (const part of [text.slice(0, 40), text.slice(40)])
        controller.enqueue(new TextEncoder().encode(part));
    },
    cancel() {
      isCancelled = true;
    },
  });
  const { quiver, sent } = scripted([new Response(stream)]);
  const seen: number[] = [];
  for await (const { id } of quiver.admin.requestsFromNow('/requests', true, { signal: end.signal })) {
    seen.push(id);
    if (id === 2) end.abort();
  }
  expect([seen, isCancelled]).toEqual([[1, 2], true]);
  expect(sent[0]!.url.pathname + sent[0]!.url.search).toBe('/requests/stream?client=');
});
