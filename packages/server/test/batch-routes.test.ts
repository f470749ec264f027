/**
 * Bulk update over HTTP: upload, status, failed rows, and who may see them (contract section 6).
 */

import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { writeHeader, writeRow } from '../src/batches/batch-text.ts';
import { ADMIN_TOKEN, type Answer, fetchOf, type InProcess, openInProcess } from './in-process.ts';

const V1 = '/m2/demo/profile/batchUpdate';
const V2 = '/m2/demo/v2/profile/batchUpdate';
const ADMIN = { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } };

let quiver: InProcess;
beforeAll(async () => {
  quiver = await openInProcess();
});
afterAll(() => quiver.close());

/** An upload as curl and the Campaign worker send it. */
function upload(body: unknown, target = V2, headers: Record<string, string> = {}): Promise<Answer> {
  return quiver.ask('POST', target, {
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body,
  });
}

/** What a client finds between the tags by plain search, without decoding. */
function between(text: string, tag: string): string {
  const start = text.indexOf(`<${tag}>`) + tag.length + 2;
  return text.slice(start, text.indexOf(`</${tag}>`));
}

function batchIdOf(answer: Answer): string {
  if (!answer.text.includes('<success>true</success>')) throw new Error(answer.text);
  return between(answer.text, 'batchStatus').split('batchId=')[1]!;
}

async function statusOf(id: string, more = '', path = '/m2/demo/profile/batchStatus'): Promise<string> {
  return (await quiver.ask('GET', `${path}?batchId=${id}${more}`)).text;
}

/** Waits for the end of a batch and returns its id. */
async function completed(answer: Answer, path?: string): Promise<string> {
  const id = batchIdOf(answer);
  await vi.waitFor(async () => expect(await statusOf(id, '', path)).toContain('<status>complete</status>'), {
    timeout: 10_000,
    interval: 5,
  });
  return id;
}

const refused = (message: string) =>
  `<response><success>false</success><batchStatus></batchStatus><message>${message}</message></response>`;

describe('an upload', () => {
  test.each([
    ['v1', V1],
    ['v2', V2],
  ])('of version %s answers with the address of its status', async (_, target) => {
    const before = Date.now();
    const answer = await upload('batch=pcId,a\nu1,1\n', target);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/xml;charset=UTF-8');
    const id = batchIdOf(answer);
    expect(answer.text).toBe(
      `<response><success>true</success><batchStatus>http://127.0.0.1:8680/m2/demo/profile/batchStatus?batchId=${id}</batchStatus><message>Batch submitted for processing</message></response>`,
    );
    const [, at] = /^demo-(\d{13})-\d{8}$/.exec(id)!;
    expect(Number(at)).toBeGreaterThanOrEqual(before);
    expect(Number(at)).toBeLessThanOrEqual(Date.now());
    await completed(answer);
  });

  test('works as the Campaign worker does it: with a text search and an appended showDetails', async () => {
    const answer = await upload('batch=thirdPartyId,plan\ncampaign-1,gold\n');
    expect(answer.text).toContain('<success>true</success>');
    await completed(answer);
    const url = new URL(`${between(answer.text, 'batchStatus')}&showDetails=true`);
    const status = await quiver.ask('GET', url.pathname + url.search);
    expect(between(status.text, 'status')).toBe('complete');
    expect(await quiver.attributes('thirdPartyId/campaign-1')).toEqual([['plan', 'gold']]);
  });

  test.each<[what: string, headers: Record<string, string>]>([
    ['no type', {}],
    ['plain text', { 'content-type': 'text/plain' }],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['what is said to be JSON', { 'content-type': 'application/json' }],
    ['what is said to be multipart', { 'content-type': 'multipart/form-data; boundary=x' }],
  ])('takes the body as the file, sent with %s', async (what, headers) => {
    const name = encodeURIComponent(what);
    await completed(await upload(`batch=pcId,a+b\ntyped,${name}\n`, V2, headers));
    expect(await quiver.attributes('typed')).toEqual([['a b', what]]);
  });

  test('only updates in version 1, and creates in version 2', async () => {
    const file = 'batch=pcId,a\nonly-v2,1\n';
    const first = await completed(await upload(file, V1));
    expect(await quiver.attributes('only-v2')).toBeUndefined();
    expect(await statusOf(first, '&showDetails=true')).toContain('<profilesNotFound>1</profilesNotFound>');
    await completed(await upload(file, V2));
    expect(await quiver.attributes('only-v2')).toEqual([['a', '1']]);
    const last = await completed(await upload('batch=pcId,a\nonly-v2,2\n', V1));
    expect(await quiver.attributes('only-v2')).toEqual([['a', '2']]);
    expect(await statusOf(last, '&showDetails=true')).toContain('<profilesNotFound>0</profilesNotFound>');
  });

  test('with gzip is decompressed, in any case of the name, and under the old name x-gzip', async () => {
    for (const encoding of ['gzip', 'GZIP', ' gzip ', 'x-gzip', 'X-GZip']) {
      const body = gzipSync(`batch=pcId,a\npacked,${encoding.trim()}\n`);
      await completed(await upload(body, V2, { 'content-encoding': encoding }));
      expect(await quiver.attributes('packed')).toEqual([['a', encoding.trim()]]);
    }
  });

  test('of only skipped rows, or of no rows, is complete', async () => {
    const none = await completed(await upload('batch=pcId,a\n'));
    expect(await statusOf(none)).toContain('<batchSize>0</batchSize>');
    const skipped = await completed(await upload('batch=pcId,a\nx\n\ny,\n'));
    expect(await statusOf(skipped, '&showDetails=true')).toContain(
      '<batchSize>2</batchSize><consumedCount>2</consumedCount><successfulUpdates>0</successfulUpdates><profilesNotFound>0</profilesNotFound><failedUpdates>0</failedUpdates>',
    );
  });
});

describe('an upload refused as a whole', () => {
  const EXPECTED =
    ', expected &quot;batch=&quot; followed by the header row, for instance batch=pcId,country';
  const good = gzipSync(`batch=pcId,a\n${'refused,1\n'.repeat(1000)}`);
  const bomb = gzipSync(Buffer.concat([Buffer.from('batch=pcId,a\nrefused,'), Buffer.alloc(60_000_000)]));
  const tooMany = `batch=pcId,a\n${'x,1\n'.repeat(500_001)}`;
  const multipart = '--x\r\nContent-Disposition: form-data; name="f"\r\n\r\nbatch=pcId,a\r\n--x--';
  test.each<[what: string, body: unknown, encoding: string | undefined, status: number, message: string]>([
    ['nothing', undefined, undefined, 400, `the file is empty${EXPECTED}`],
    ['empty', '', undefined, 400, `the file is empty${EXPECTED}`],
    ['multipart', multipart, undefined, 400, `the file is multipart (a form upload)${EXPECTED}`],
    ['JSON', '{"batch":[]}', undefined, 400, `the file is JSON${EXPECTED}`],
    [
      'no batch=',
      'pcId,a\n1,x\n',
      undefined,
      400,
      `the file starts with a header row but lacks &quot;batch=&quot;${EXPECTED}`,
    ],
    [
      'a name given twice',
      'batch=pcId,a,a\n',
      undefined,
      400,
      'row 1: the name &quot;a&quot; of column 3 is given twice',
    ],
    [
      'too many rows',
      tooMany,
      undefined,
      413,
      'the file has more than 500,000 rows; row 500,001, on line 500,002, is one too many',
    ],
    [
      'too many bytes',
      `batch=pcId,a\nx,${'y'.repeat(50_000_000)}`,
      undefined,
      413,
      'the file is larger than 50,000,000 bytes',
    ],
    ['a bomb', bomb, 'gzip', 413, 'the file is larger than 50,000,000 bytes'],
    ['cut gzip', good.subarray(0, good.length - 9), 'gzip', 400, 'body: is not whole gzip'],
    ['what is no gzip', 'batch=pcId,a\n', 'gzip', 400, 'body: is not whole gzip'],
    [
      'gzip that is not announced',
      good,
      undefined,
      400,
      `the file is gzip without &quot;Content-Encoding: gzip&quot;${EXPECTED}`,
    ],
    ['brotli', 'x', 'br', 415, 'Content-Encoding: must be gzip or absent, not br'],
    ['packed twice', good, 'gzip, gzip', 415, 'Content-Encoding: must be gzip or absent, not gzip, gzip'],
    ['no gzip under its old name', 'batch=pcId,a\n', 'x-gzip', 400, 'body: is not whole gzip'],
    [
      'line ends lost',
      'batch=pcId,arefused,1',
      undefined,
      400,
      'row 1: the file is one line of 3 columns without a line end, so its line ends were lost (curl -d removes them, --data-binary keeps them); a header without rows must end in a line end',
    ],
    [
      'both kinds of id',
      'batch=pcId,thirdPartyId,a\nrefused,x,1\n',
      undefined,
      400,
      'row 1: the name &quot;thirdPartyId&quot; of column 2 is a second kind of id; the rows name their profiles by pcId alone',
    ],
    ['deflate', 'x', 'deflate', 415, 'Content-Encoding: must be gzip or absent, not deflate'],
  ])('gets the right refusal for: %s', async (_, body, encoding, status, message) => {
    const before = (await quiver.stores.batches.list('demo', 1))[0]?.id;
    const answer = await upload(body, V2, encoding === undefined ? {} : { 'content-encoding': encoding });
    // Which row exceeds the limit depends on how the chunks were cut.
    expect([answer.status, answer.text.replace(/; row \d does not fit any more/, '')]).toEqual([
      status,
      refused(message),
    ]);
    expect(answer.headers.get('content-type')).toBe('text/xml;charset=UTF-8');
    expect((await quiver.stores.batches.list('demo', 1))[0]?.id).toBe(before);
    expect(await quiver.attributes('refused')).toBeUndefined();
  });

  test('may be a body that breaks off', async () => {
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from('batch=pcId,a\nrefused,1\n'));
      },
      pull: (controller) => controller.error(new Error('gone')),
    });
    const answer = await upload(body);
    expect([answer.status, answer.text]).toEqual([400, refused('body: was cut short')]);
  });

  test('may have the wrong method', async () => {
    const answer = await quiver.ask('GET', V2);
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
  });
});

describe('the address of the status', () => {
  const send = async (opened: InProcess, headers: Record<string, string>, peer?: string, secure = false) => {
    const request = new Request(`http://in-process${V2}`, {
      method: 'POST',
      headers,
      body: 'batch=pcId,a\n',
    });
    const response = await fetchOf(
      opened.app,
      request,
      peer === undefined ? undefined : { address: peer, secure },
    );
    const text = await response.text();
    return {
      status: response.status,
      text,
      origin: /^(.*)\/m2\/\w+\/profile\/batchStatus\?batchId=\w+-\d{13}-\d{8}$/.exec(
        between(text, 'batchStatus'),
      )?.[1],
    };
  };
  const forwarded = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'quiver.example.com:8443' };

  test.each<[what: string, headers: Record<string, string>, peer: string, secure: boolean, origin: string]>([
    ['host and port as asked', { host: 'localhost:8680' }, '127.0.0.1', false, 'http://localhost:8680'],
    ['an address', { host: '[::1]:8680' }, '::1', false, 'http://[::1]:8680'],
    ['over TLS', { host: 'demo.tt.omtrdc.net' }, '127.0.0.1', true, 'https://demo.tt.omtrdc.net'],
    ['anybody may say what they want', { host: 'a:1', ...forwarded }, '10.1.0.1', false, 'http://a:1'],
    ['a trusted proxy', { host: 'a:1', ...forwarded }, '10.0.0.9', false, 'https://quiver.example.com:8443'],
    [
      'a trusted proxy, as IPv6 writes it',
      { host: 'a:1', ...forwarded },
      '::ffff:10.0.0.9',
      false,
      'https://quiver.example.com:8443',
    ],
    [
      'the first of several',
      { host: 'a:1', 'x-forwarded-host': 'b.example, c.example' },
      '10.0.0.9',
      false,
      'http://b.example',
    ],
  ])('follows from the request: %s', async (_, headers, peer, secure, origin) => {
    const proxied = await openInProcess({ host: '0.0.0.0', trustedProxies: ['10.0.0.0/24'] });
    try {
      expect((await send(proxied, headers, peer, secure)).origin).toBe(origin);
    } finally {
      await proxied.close();
    }
  });

  test.each([
    ['a query', 'evil.example/?x=1&y'],
    ['another parameter', 'evil.example?x=1'],
    ['markup', 'evil.example</batchStatus>'],
    ['a user', 'user@evil.example'],
    ['a blank', 'evil example'],
  ])('with %s in the host is refused', async (_, host) => {
    const reached = await openInProcess({ host: '0.0.0.0' });
    try {
      const answer = await send(reached, { host });
      expect([answer.status, answer.text]).toEqual([
        400,
        refused('Host: must be a name or an address, and a port if any'),
      ]);
    } finally {
      await reached.close();
    }
  });

  test('is never longer than 255 characters', async () => {
    const longest = 'c'.repeat(64);
    const long = await openInProcess({ host: '0.0.0.0', clients: [longest] });
    try {
      const at = (length: number) => send(long, { host: 'h'.repeat(length) });
      const room =
        255 - `http:///m2/${longest}/profile/batchStatus?batchId=${longest}-1701473848678-13029383`.length;
      expect(between((await at(room)).text, 'batchStatus')).toHaveLength(255);
      expect(await at(room + 1)).toMatchObject({
        status: 400,
        text: refused(
          `Host: must be at most ${room} characters, for the address of the status has room for 255`,
        ),
      });
    } finally {
      await long.close();
    }
  });

  test('has one query parameter, and the client of the upload in its path', async () => {
    const answer = await upload('batch=pcId,a\n', '/m2/client/v2/profile/batchUpdate?client=acme&x=1');
    const url = new URL(between(answer.text, 'batchStatus'));
    expect(url.pathname).toBe('/m2/acme/profile/batchStatus');
    expect([...url.searchParams.keys()]).toEqual(['batchId']);
  });
});

describe('the status of a batch', () => {
  const rows = 'batch=pcId,a\nst1,1\nst2\n,1\nst3,%zz\nst4,1,2\n st%204 ,1\nst5,5';
  const failedProfiles = ['', 'st3', 'st4']
    .map((id) => `<profile><id>${id}</id><status>failed</status></profile>`)
    .join('');

  test.each([
    ['v1', V1, '/m2/demo/profile/batchStatus', '', 0],
    ['v1, asked under v2', V1, '/m2/demo/v2/profile/batchStatus', failedProfiles, 0],
    ['v2', V2, '/m2/demo/profile/batchStatus', failedProfiles, 3],
    ['v2, asked under v2', V2, '/m2/demo/v2/profile/batchStatus', failedProfiles, 3],
  ])("has the contract's form for %s", async (_, target, path, profiles, successful) => {
    const id = await completed(await upload(rows, target));
    const own = `<batchId>${id}</batchId><status>complete</status><batchSize>7</batchSize>`;
    expect(await statusOf(id, '', path)).toBe(`<response>${own}</response>`);
    expect(await statusOf(id, '&showDetails=false', path)).toBe(`<response>${own}</response>`);
    const notFound = `<profilesNotFound>${target === V1 ? 3 : 0}</profilesNotFound>`;
    expect(await statusOf(id, '&showDetails=true', path)).toBe(
      `<response>${own}<consumedCount>7</consumedCount><successfulUpdates>${successful}</successfulUpdates>${notFound}<failedUpdates>3</failedUpdates>${profiles}</response>`,
    );
  });

  test('names at most 1,000 failed rows, and none that were not found', async () => {
    const missing = Array.from({ length: 1500 }, (_, n) => `missing-${n},1\n,${n}\n`).join('');
    const id = await completed(await upload(`batch=pcId,a\n${missing}`, V1));
    const details = await statusOf(id, '&showDetails=true', '/m2/demo/v2/profile/batchStatus');
    expect(details).toContain('<profilesNotFound>1500</profilesNotFound><failedUpdates>1500</failedUpdates>');
    expect(details.match(/<profile><id><\/id><status>failed<\/status><\/profile>/g)).toHaveLength(1000);
    expect(details.match(/<profile>/g)).toHaveLength(1000);
    expect(details.indexOf('<profile>')).toBeGreaterThan(details.indexOf('</failedUpdates>'));
  });

  test.each([
    ['waiting', 'incomplete'],
    ['stuck', 'stuck'],
    ['running again', 'incomplete'],
  ])('for a batch %s is called %s', async (state, word) => {
    const idle = await openInProcess({ clients: ['idle'] });
    try {
      const { batches } = idle.stores;
      // No runner serves this client.
      await batches.accept({ client: 'idle', id: 'b', version: 'v2', acceptedAt: 1, rows: 3, bytes: 9 });
      if (state !== 'waiting') await batches.giveUp('idle', 'b', 'a disk that is gone');
      if (state === 'running again') await batches.retry('idle', 'b');
      const answer = await idle.ask('GET', '/m2/idle/profile/batchStatus?batchId=b&showDetails=true');
      expect(answer.text).toBe(
        `<response><batchId>b</batchId><status>${word}</status><batchSize>3</batchSize><consumedCount>0</consumedCount><successfulUpdates>0</successfulUpdates><profilesNotFound>0</profilesNotFound><failedUpdates>0</failedUpdates></response>`,
      );
    } finally {
      await idle.close();
    }
  });

  test.each([
    [
      'unknown',
      '?batchId=demo-1701473848678-13029383',
      404,
      'No batch found for client demo with id=demo-1701473848678-13029383',
    ],
    [
      'hostile',
      '?batchId=%3Cx%3E%00../..',
      404,
      'No batch found for client demo with id=&lt;x&gt;\uFFFD../..',
    ],
    [
      'very long',
      `?batchId=${'x'.repeat(5000)}`,
      404,
      `No batch found for client demo with id=${'x'.repeat(5000)}`,
    ],
    ['not given', '', 400, 'batchId: must be given'],
    ['empty', '?batchId=', 400, 'batchId: must be given'],
  ])('has a fixed form for a batch that is %s', async (_, query, status, message) => {
    const answer = await quiver.ask('GET', `/m2/demo/profile/batchStatus${query}`);
    expect([answer.status, answer.text]).toEqual([status, refused(message)]);
  });
});

describe('the order of rows', () => {
  test('lets later rows of a file win, and later files of a client', async () => {
    const many = Array.from({ length: 3000 }, (_, n) => `order,${n},first\n`).join('');
    const answers = [
      await upload(`batch=pcId,n,who\n${many}`),
      await upload('batch=pcId,n\norder,second\n'),
      await upload('batch=pcId,who,new\norder.28_20,third,1\n'),
    ];
    for (const answer of answers) await completed(answer);
    const found = Object.fromEntries((await quiver.attributes('order'))!);
    expect(found).toEqual({ n: 'second', who: 'third', new: '1' });
  });

  test('is unaffected by a row of empty cells, which creates no profile', async () => {
    await completed(await upload('batch=pcId,a,b\nnothing,, \nnothing-2\n'));
    expect(await quiver.attributes('nothing')).toBeUndefined();
    expect(await quiver.attributes('nothing-2')).toBeUndefined();
  });

  test('keeps the id of a row that begins with a byte-order mark', async () => {
    await completed(await upload('\uFEFFbatch=pcId,a\n\uFEFFmark-1,1\n'));
    expect(await quiver.attributes('mark-1')).toEqual([['a', '1']]);
  });

  test('is unaffected by a value in a column of profile scripts, which fails its row only', async () => {
    const id = await completed(await upload('batch=pcId,a,user.seg\nscripts-1,1,forged\nscripts-2,2\n'));
    const { json } = await quiver.ask('GET', `/demo/target/batches/${id}/failures`, ADMIN);
    const reason =
      'the value of "user.seg" cannot be set: the name must not start with "user.", which belongs to profile scripts';
    expect(json.failures).toEqual([{ line: 2, id: 'scripts-1', reason, notFound: false }]);
    expect(await quiver.attributes('scripts-1')).toBeUndefined();
    expect(await quiver.attributes('scripts-2')).toEqual([['a', '2']]);
    const names = await quiver.ask('GET', '/demo/target/profileattributes/mbox', ADMIN);
    expect(names.json.mboxProfileAttributes).not.toContain('user.seg');
  });

  test('keeps the stored value where a cell is empty', async () => {
    await completed(await upload('batch=pcId,a,b,c\nempty,1,2,3\nempty,,4\nempty,,, \n'));
    expect(Object.fromEntries((await quiver.attributes('empty'))!)).toEqual({ a: '1', b: '4', c: '3' });
  });
});

describe('failed rows', () => {
  const big = 'x'.repeat(40_000);
  const file = `batch=thirdPartyId,a,b%2C\r\nf1,ok\r\n,no id\r\nf2,1,2,3\r\na%2Fb,1\r\nf3,${big}\r\nf3,,${big}\r\n\r\nf4,%ff`;
  const reasons = [
    [3, '', 'the id is missing'],
    [4, 'f2', 'the row has 4 cells, the header 3'],
    [5, 'a%2Fb', 'the id must not contain + or /'],
    [7, 'f3', 'the attributes of one profile may total 65536 bytes'],
    [9, 'f4', 'the value of "a" is not UTF-8'],
  ] as const;

  test('keep line, id and reason, and the other rows are applied', async () => {
    const id = await completed(await upload(file));
    const { json } = await quiver.ask('GET', `/demo/target/batches/${id}/failures`, ADMIN);
    expect(json.failures).toEqual(
      reasons.map(([line, id, reason]) => ({ line, id, reason, notFound: false })),
    );
    expect(await quiver.attributes('thirdPartyId/f1')).toEqual([['a', 'ok']]);
    expect(await quiver.attributes('thirdPartyId/f3')).toEqual([['a', big]]);
    expect(await quiver.attributes('thirdPartyId/f4')).toBeUndefined();
    const tail = await quiver.ask('GET', `/demo/target/batches/${id}/failures?fromLine=7`, ADMIN);
    expect(tail.json.failures.map(({ line }: { line: number }) => line)).toEqual([7, 9]);
  });

  test('can be downloaded as a file that can be sent again unchanged', async () => {
    const id = await completed(await upload(file));
    const again = await quiver.ask('GET', `/demo/target/batches/${id}/failures?format=file`, ADMIN);
    expect(again.status).toBe(200);
    expect(again.headers.get('content-disposition')).toBe(`attachment; filename="${id}-failed.batch"`);
    expect(again.text).toBe(
      `batch=thirdPartyId,a,b%2C\n,no id\r\nf2,1,2,3\r\na%2Fb,1\r\nf3,,${big}\r\nf4,%ff\n`,
    );
    const second = await completed(await upload(again.text));
    const details = await statusOf(second, '&showDetails=true');
    expect(details).toContain('<batchSize>5</batchSize>');
    expect(details).toContain('<failedUpdates>5</failedUpdates>');
    const mended = again.text.replace('f2,1,2,3', 'f2,1,2').replace('%ff', 'ok');
    const third = await completed(await upload(mended));
    expect(await statusOf(third, '&showDetails=true')).toContain('<successfulUpdates>2</successfulUpdates>');
  });

  test('whose profile was not found can be sent again too', async () => {
    const id = await completed(await upload('batch=pcId,a\nlate-1,1\nlate-2,2\n', V1));
    const again = await quiver.ask('GET', `/demo/target/batches/${id}/failures?format=file`, ADMIN);
    await completed(await upload(again.text, V2));
    expect(await quiver.attributes('late-2')).toEqual([['a', '2']]);
  });

  test('leave no file when a batch has none', async () => {
    const id = await completed(await upload('batch=pcId,a\nfine,1\n'));
    await vi.waitFor(async () => {
      const answer = await quiver.ask('GET', `/demo/target/batches/${id}/failures?format=file`, ADMIN);
      expect(answer.status).toBe(404);
    });
    const answer = await quiver.ask('GET', `/demo/target/batches/${id}/failures`, ADMIN);
    expect(answer.json).toEqual({ failures: [] });
  });
});

describe('two clients', () => {
  test('never see rows, statuses or failures of each other', async () => {
    const acme = '/m2/acme/v2/profile/batchUpdate';
    const status = '/m2/acme/profile/batchStatus';
    const mine = await completed(await upload('batch=pcId,a\nboth,demo\n,lost\n'));
    const theirs = await completed(await upload('batch=pcId,a\nboth,acme\nown,acme\n,lost\n', acme), status);
    expect(await quiver.attributes('both')).toEqual([['a', 'demo']]);
    expect(await quiver.attributes('both?client=acme')).toEqual([['a', 'acme']]);
    expect(await quiver.attributes('own')).toBeUndefined();
    for (const [target, client, id] of [
      ['/m2/demo/profile/batchStatus', 'demo', theirs],
      [status, 'acme', mine],
    ] as const) {
      const answer = await quiver.ask('GET', `${target}?batchId=${id}`);
      expect([answer.status, answer.text]).toEqual([
        404,
        refused(`No batch found for client ${client} with id=${id}`),
      ]);
    }
    // The admin routes find the client like all others: by the host or the query, otherwise the
    // first.
    for (const path of ['', '/failures', '/failures?format=file']) {
      const target = `/demo/target/batches/${theirs}${path}`;
      const foreign = await quiver.ask('GET', target, {
        headers: { ...ADMIN.headers, host: 'demo.localhost' },
      });
      expect(foreign.status).toBe(404);
    }
  });
});

describe('the admin routes of batches', () => {
  test.each([
    ['GET', '/demo/target/batches'],
    ['POST', '/demo/target/batches'],
    ['GET', '/demo/target/batches/x'],
    ['GET', '/demo/target/batches/x/failures'],
    ['POST', '/demo/target/batches/x/retry'],
  ])('refuse %s %s without the admin token', async (method, path) => {
    for (const headers of [{}, { authorization: 'Bearer wrong' }, { access_token: ADMIN_TOKEN }]) {
      expect((await quiver.ask(method, path, { headers })).status).toBe(401);
    }
    const letIn = method === 'POST' && path.endsWith('batches') ? 400 : path.endsWith('batches') ? 200 : 404;
    expect((await quiver.ask(method, path, ADMIN)).status).toBe(letIn);
  });

  test('show everything about a batch, newest first', async () => {
    await completed(await upload('batch=pcId,a\nolder,1\n'));
    const id = await completed(await upload('batch=pcId,a\nnewer,1\n,2\nnewer\n'));
    const { json } = await quiver.ask('GET', '/demo/target/batches', ADMIN);
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/);
    const batch = {
      id,
      version: 'v2',
      state: 'complete',
      rows: 3,
      bytes: 30,
      consumed: 3,
      successful: 1,
      notFound: 0,
      failed: 1,
      acceptedAt: time,
      startedAt: time,
      finishedAt: time,
      reason: null,
    };
    expect(json.batches[0]).toEqual(batch);
    expect((await quiver.ask('GET', `/demo/target/batches/${id}`, ADMIN)).json).toEqual(batch);
  });

  test('take an upload as the profile APIs do, as version 2 unless version 1 is given', async () => {
    for (const [query, version, successful] of [
      ['', 'v2', 1],
      ['?version=v2', 'v2', 1],
      ['?version=v1', 'v1', 0],
    ] as const) {
      const body = `batch=pcId,a\nadmin${query.length}${version},1\n`;
      const answer = await quiver.ask('POST', `/demo/target/batches${query}`, { ...ADMIN, body });
      expect([answer.status, Object.keys(answer.json)]).toEqual([200, ['batchId']]);
      const path = `/demo/target/batches/${answer.json.batchId}`;
      await vi.waitFor(async () =>
        expect((await quiver.ask('GET', path, ADMIN)).json).toMatchObject({
          version,
          state: 'complete',
          successful,
        }),
      );
    }
  });

  test.each([
    ['', '{"a":1}', /the file is JSON/],
    ['?version=v3', 'batch=pcId,a\n1,2\n', /version: must be v1 or v2/],
  ])('refuse in the shape of the Admin API (%s)', async (query, body, message) => {
    const answer = await quiver.ask('POST', `/demo/target/batches${query}`, { ...ADMIN, body });
    expect(answer.status).toBe(400);
    expect(answer.json.errors[0].message).toMatch(message);
  });

  test('refuse to retry a batch that is not stuck', async () => {
    const id = await completed(await upload('batch=pcId,a\nretry,1\n'));
    const answer = await quiver.ask('POST', `/demo/target/batches/${id}/retry`, ADMIN);
    expect(answer.status).toBe(400);
    expect(answer.json.errors[0].message).toBe(`Batch ${id} is not stuck but complete`);
  });
});

describe('hostile names and values', () => {
  const names = [
    '__proto__',
    'constructor',
    'a b',
    'a,b',
    '%',
    'ünï',
    '😀',
    '<b>&',
    'new\nline',
    'profile',
    '"q"',
  ];
  test('come back exactly', async () => {
    const values = names.map((name, at) => `${name}=${at}\r\n,+%41\u0000 x`);
    const file = writeHeader('thirdPartyId', names) + writeRow('hostile 😀,id%', values);
    await completed(await upload(file));
    const path = `thirdPartyId/${encodeURIComponent('hostile 😀,id%')}`;
    expect(await quiver.attributes(path)).toEqual(names.map((name, at) => [name, values[at]]));
  });

  test.each(['__proto__', 'constructor', '<a>&"', "' or 1=1"])('include the id %s', async (id) => {
    await completed(await upload(writeHeader('pcId', ['a']) + writeRow(id, ['1'])));
    expect(await quiver.attributes(encodeURIComponent(id))).toEqual([['a', '1']]);
  });

  test('include an id with markup, which is escaped in the status', async () => {
    const batch = await completed(await upload('batch=pcId,a\n</id><status>x,%zz\n'));
    expect(await statusOf(batch, '&showDetails=true')).toContain(
      '<profile><id>&lt;/id&gt;&lt;status&gt;x</id><status>failed</status></profile></response>',
    );
  });
});
