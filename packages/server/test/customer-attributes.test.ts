/**
 * Customer attributes: files are uploaded, and only scripts and administrators see the attributes
 * (contract section 17).
 */

import { crc32, deflateRawSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ADMIN_TOKEN, type InProcess, type Json, openInProcess } from './in-process.ts';

const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
const PATH = '/demo/target/customer-attributes';
const DAY = 86_400_000;
const T0 = Date.UTC(2026, 7, 18, 12);

let quiver: InProcess;
let clock: number;
beforeEach(async () => {
  clock = T0;
  quiver = await openInProcess({}, () => clock);
});
afterEach(() => quiver.close());

const ask = (method: string, path: string, body?: unknown) =>
  quiver.ask(method, path, { headers, ...(body !== undefined && { body }) });
const upload = (file: string | Uint8Array<ArrayBuffer>, source = 'crm', query = '') =>
  ask('POST', `${PATH}/${source}${query}`, file);
const batchOf = async (id: string): Promise<Json> => (await ask('GET', `/demo/target/batches/${id}`)).json;

/** Uploads a file and waits until its rows are applied. @returns the batch */
async function applied(
  file: string | Uint8Array<ArrayBuffer>,
  source?: string,
  query?: string,
): Promise<Json> {
  const answer = await upload(file, source, query);
  expect([answer.status, answer.json.errors]).toEqual([202, undefined]);
  await vi.waitFor(async () => expect((await batchOf(answer.json.batchId)).state).toBe('complete'), {
    timeout: 10_000,
  });
  return batchOf(answer.json.batchId);
}
const failuresOf = async ({ id }: Json) =>
  (await ask('GET', `/demo/target/batches/${id}/failures`)).json.failures.map(
    ({ line, reason }: Json) => `${line}: ${reason}`,
  );
const view = async (id: string): Promise<Json> =>
  (await ask('GET', `/demo/target/profiles?id=${encodeURIComponent(id)}`)).json;
const known = async (id: string) => {
  const { customerAttributes = [] } = await view(id);
  return customerAttributes.map(({ source, name, value }: Json) => `${source}.${name}=${value}`).sort();
};

/** A zip archive of files, without anything that is not needed. */
function zip(files: Record<string, string>): Buffer<ArrayBuffer> {
  const locals: Buffer[] = [];
  const entries: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const content = Buffer.from(text);
    const packed = deflateRawSync(content);
    const sizes = Buffer.alloc(12);
    sizes.writeUInt32LE(crc32(content), 0);
    sizes.writeUInt32LE(packed.length, 4);
    sizes.writeUInt32LE(content.length, 8);
    const head = Buffer.from([20, 0, 0, 0, 8, 0, 0, 0, 0, 0]);
    const nameLength = Buffer.from([name.length, 0, 0, 0]);
    const local = Buffer.concat([
      Buffer.from('PK\x03\x04'),
      head,
      sizes,
      nameLength,
      Buffer.from(name),
      packed,
    ]);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    entries.push(
      Buffer.concat([
        Buffer.from('PK\x01\x02'),
        Buffer.from([20, 0]),
        head,
        sizes,
        nameLength,
        place,
        Buffer.from(name),
      ]),
    );
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(entries);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

const FILE = 'id,tier,city\n4711,gold,"Paris, France"\n4712,silver,Rome\n';

describe('a file of customer attributes', () => {
  test('creates and updates profiles, and an empty cell removes an attribute', async () => {
    expect(await applied(FILE)).toMatchObject({
      source: 'crm',
      version: 'v2',
      rows: 2,
      successful: 2,
      failed: 0,
    });
    expect(await known('crm:4711')).toEqual(['crm.city=Paris, France', 'crm.tier=gold']);
    await applied('id,tier,city\n4711,platinum,\n');
    expect(await known('crm:4711')).toEqual(['crm.tier=platinum']);
    expect(await known('crm:4712')).toEqual(['crm.city=Rome', 'crm.tier=silver']);
  });

  test('belongs to visitors with that customer id, and its attributes stay with the profile', async () => {
    const customerIds = [{ id: '4711', integrationCode: 'crm', authenticatedState: 'authenticated' }];
    await applied(FILE);
    const tntId = await quiver.visit({ customerIds }, { plan: 'gold' });
    expect(await known(tntId)).toEqual(['crm.city=Paris, France', 'crm.tier=gold']);
    const device = await quiver.visit({ tntId: 'phone' });
    await quiver.visit({ tntId: 'phone', customerIds });
    expect(await known(device)).toEqual(['crm.city=Paris, France', 'crm.tier=gold']);
  });

  test('contains thirdPartyIds when the source says so', async () => {
    await applied(FILE, 'loyalty', '?ids=thirdPartyId');
    await applied('id,points\n4711,12\n', 'loyalty');
    expect(await known('4711')).toEqual([
      'loyalty.city=Paris, France',
      'loyalty.points=12',
      'loyalty.tier=gold',
    ]);
    const { json } = await ask('GET', PATH);
    expect(json).toEqual({
      sources: [
        {
          source: 'loyalty',
          ids: 'thirdPartyId',
          attributes: ['points'],
          createdAt: new Date(T0).toISOString(),
          uploadedAt: new Date(T0).toISOString(),
        },
      ],
    });
  });

  test('sets attributes that no fetch shows, that count towards 64 KB, and that no page can set', async () => {
    await applied('id,tier\n4711,gold\n', 'loyalty', '?ids=thirdPartyId');
    expect(
      (await quiver.ask('GET', '/rest/v1/profiles/thirdPartyId/4711?client=demo')).json.profileAttributes,
    ).toEqual({});
    expect((await view('4711')).sizeBytes).toBeGreaterThanOrEqual('loyalty.tiergold'.length);
    await quiver.visit(
      { thirdPartyId: '4711' },
      { 'loyalty.tier': 'forged', '\u0004loyalty.tier': 'forged' },
    );
    expect(await known('4711')).toEqual(['loyalty.tier=gold']);
  });

  test('is shown in a fetch, oldest first, only while the setting customerAttributesInFetch is true', async () => {
    await applied('id,tier,city\n4711,gold,Rome\n', 'loyalty', '?ids=thirdPartyId');
    clock += 1000;
    const forged = { 'crs.loyalty.tier': 'forged', 'crs.loyalty.none': 'own' };
    await quiver.visit({ thirdPartyId: '4711' }, { plan: 'free', ...forged });
    clock += 1000;
    await applied('id,city,points\n4711,,12\n', 'loyalty');
    const path = '/rest/v1/profiles/thirdPartyId/4711?client=demo';
    const shown = async () => {
      const { profileAttributes } = (await quiver.ask('GET', path)).json;
      const { firstSessionStart: _, ...all } = profileAttributes;
      return Object.entries(all).map(([name, { value }]: [string, Json]) => `${name}=${value}`);
    };
    const without = ['plan=free', 'crs.loyalty.tier=forged', 'crs.loyalty.none=own'];
    const setting = (customerAttributesInFetch: boolean) =>
      ask('PATCH', '/demo/target/clients/settings', { customerAttributesInFetch });
    expect(await shown()).toEqual(without);
    await setting(true);
    expect(await shown()).toEqual([
      ...['crs.loyalty.tier=gold', 'plan=free', 'crs.loyalty.none=own', 'crs.loyalty.points=12'],
    ]);
    const { profileAttributes } = (await quiver.ask('GET', path)).json;
    expect(profileAttributes['crs.loyalty.points'].modifiedAt).toBe('2026-08-18T12:00:02.000+00:00');
    expect((await quiver.ask('GET', '/rest/v1/profiles/thirdPartyId/4712?client=demo')).status).toBe(404);
    expect(await known('4711')).toEqual(['loyalty.points=12', 'loyalty.tier=gold']);
    await setting(false);
    expect(await shown()).toEqual(without);
  });

  test('is read by scripts with crs.get, from the visit on whose ids lead to the profile', async () => {
    const script = "return [crs.get('crm.tier'), crs.get('crm.none'), crs.get('shop.tier')].map(String);";
    expect((await ask('PUT', '/demo/target/scripts/read', { script })).status).toBe(200);
    await applied(FILE);
    await applied('id,tier\n4711,bronze\n', 'shop');
    const customer = (authenticatedState: string) => [
      { id: '4711', integrationCode: 'crm', authenticatedState },
    ];
    const read = async (path: string) => new Map(await quiver.attributes(path)).get('user.read');
    const tntId = await quiver.visit({ customerIds: customer('logged_out') });
    expect(await read(tntId)).toBe('[null, null, null]');
    await quiver.visit({ tntId, customerIds: customer('authenticated') });
    expect(await read(tntId)).toBe('[gold, null, null]');
    await applied('id,tier\n4711,\n');
    await quiver.visit({ tntId });
    expect(await read(tntId)).toBe('[null, null, null]');
  });

  test('extends the lifetime of a profile, and its attributes end with it', async () => {
    await applied(FILE);
    clock += 13 * DAY;
    await applied('id,tier\n4711,gold\n');
    clock += 13 * DAY;
    expect(await known('crm:4711')).toEqual(['crm.city=Paris, France', 'crm.tier=gold']);
    clock += DAY;
    expect((await ask('GET', '/demo/target/profiles?id=crm:4711')).status).toBe(404);
  });

  test.each([
    ['quotes and backslashes', 'id,a\n1,"say \\"hi\\" C:\\\\dir \\n"\n2,C:\\dir\n', 'say "hi" C:\\dir n'],
    ['a line break and a comma', 'id,a\r\n1,"x,\r\ny"\r\n', 'x,\r\ny'],
    ['blanks and what looks like an escape', 'id,a\n1, 20%2C + \n', ' 20%2C + '],
    ['letters beyond ASCII, behind a byte-order mark', '\ufeffid,a\n1,São 😀\n', 'São 😀'],
  ])('keeps %s exactly', async (_, file, value) => {
    await applied(file);
    expect((await view('crm:1')).customerAttributes[0].value).toBe(value);
  });

  test.each([
    ['gzip', () => gzipSync(FILE)],
    ['a zip archive', () => zip({ 'customers.csv': FILE })],
  ])('may come as %s', async (_, pack) => {
    await applied(new Uint8Array(pack()));
    expect(await known('crm:4712')).toEqual(['crm.city=Rome', 'crm.tier=silver']);
  });

  test('lets a row fail alone, with line and rule, and returns failed rows as a file', async () => {
    const long = 'x'.repeat(5001);
    const big = Array.from({ length: 14 }, (_, n) => `a${n}`);
    const batch = await applied(
      `id,a,b\n1,"two\nlines",ok\n2,only\n3,too,many,cells\n,no,id\n4,${long},x\n${'9'.repeat(129)},x,y\n5,good,"q\\"\n"\n`,
    );
    expect(batch).toMatchObject({ rows: 7, successful: 2, failed: 5 });
    expect(await failuresOf(batch)).toEqual([
      '4: the row has 2 cells, the header 3',
      '5: the row has 4 cells, the header 3',
      '6: the id is missing',
      '7: the value of "a" must have at most 5000 characters',
      '8: the id must have 1 to 128 characters',
    ]);
    const file = await ask('GET', `/demo/target/batches/${batch.id}/failures?format=file`);
    expect(file.text).toBe(`id,a,b\n2,only\n3,too,many,cells\n,no,id\n4,${long},x\n${'9'.repeat(129)},x,y\n`);
    const full = await applied(`id,${big.join(',')}\n6,${big.map(() => 'y'.repeat(4999)).join(',')}\n`);
    expect(await failuresOf(full)).toEqual(['2: the attributes of one profile may total 65536 bytes']);
    expect((await ask('GET', '/demo/target/profiles?id=crm:6')).status).toBe(404);
  });
});

describe('a file of customer attributes is refused as a whole', () => {
  const good = zip({ 'a.csv': FILE });
  const damaged = Buffer.from(good);
  damaged[40] = damaged[40]! ^ 0xff;
  test.each<[string, string | Buffer, string, string]>([
    ['a source with a dot', FILE, 'c.rm', 'source: must not contain a dot'],
    ['a long name of a source', FILE, 'c'.repeat(51), 'source: must have 1 to 50 characters'],
    ['an empty file', '', 'crm', 'the file is empty, expected a header row'],
    ['a header alone', 'id,a\n', 'crm', 'the file has no row behind its header'],
    ['ids alone', 'id\n1\n', 'crm', 'line 1: expected the ids and at least one attribute'],
    [
      'an attribute with a dot',
      'id,a.b\n1,2\n',
      'crm',
      'line 1: the name "a.b" of column 2 must not contain a dot',
    ],
    ['a long name', `id,${'n'.repeat(251)}\n1,2\n`, 'crm', 'must have 1 to 250 characters'],
    ['a name given twice', 'id,a,a\n1,2,3\n', 'crm', 'line 1: the name "a" of column 3 is given twice'],
    ['too many attributes', `id${',a'.repeat(201)}\n`, 'crm', 'line 1: 201 attributes, a file may have 200'],
    ['an open quote', 'id,a\n1,"x\n', 'crm', 'the file ends within quotes'],
    ['a quote within a cell', 'id,a\n1,x"y\n', 'crm', 'line 2: there is a quote within a cell'],
    [
      'another encoding',
      Buffer.from([0x69, 0x2c, 0x61, 0x0a, 0xe9, 0x2c, 0x78, 0x0a]),
      'crm',
      'the file is not UTF-8',
    ],
    ['cut gzip', gzipSync(FILE).subarray(0, 30), 'crm', 'the file is not whole gzip'],
    ['a cut zip', good.subarray(0, 60), 'crm', 'the zip archive is damaged or cut short'],
    ['a damaged zip', damaged, 'crm', 'the zip archive is damaged or cut short'],
    ['a zip of two files', zip({ a: FILE, b: FILE }), 'crm', 'the zip archive has 2 files, expected one'],
  ])('for this reason: %s', async (_, file, source, message) => {
    const answer = await upload(typeof file === 'string' ? file : new Uint8Array(file), source);
    expect(answer.status).toBe(400);
    expect(answer.json.errors[0].message).toContain(message);
    expect((await ask('GET', PATH)).json.sources).toEqual([]);
    expect((await ask('GET', '/demo/target/batches')).json.batches).toEqual([]);
  });

  test('for ids of another kind than the source has, or an unknown alias', async () => {
    await applied(FILE);
    const other = await upload(FILE, 'crm', '?ids=thirdPartyId');
    expect([other.status, other.json.errors[0].message]).toEqual([
      400,
      'ids: those of the source crm are of the kind customerId',
    ]);
    expect((await upload(FILE, 'crm', '?ids=ecid')).json.errors[0].message).toBe(
      'ids: must be customerId or thirdPartyId',
    );
    await ask('PATCH', '/demo/target/clients/settings', { customerIdAliases: ['shop'] });
    expect((await upload(FILE)).json.errors[0].message).toBe(
      'source: the setting customerIdAliases does not have crm',
    );
  });

  test('without the admin token', async () => {
    const answer = await quiver.ask('POST', `${PATH}/crm`, { body: FILE });
    expect(answer.status).toBe(401);
  });
});
