import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { addClientCommands } from './client-commands.ts';

/** The requests that the stand-in for a server received. */
interface Asked {
  readonly line: string;
  readonly query: URLSearchParams;
  readonly authorization: string | undefined;
  readonly body: string;
}

interface Answer {
  readonly status?: number;
  readonly text: string;
  readonly headers?: Record<string, string>;
}

/** Answers by `METHOD /path`; a list is used in order, and its last answer repeats. */
type Script = Record<string, Answer | string | (Answer | string)[]>;

let server: Server;
let url: string;
/** A URL at which no server listens. */
let nowhere: string;
let asked: Asked[] = [];
let script: Script = {};
let folder: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const { pathname, searchParams } = new URL(request.url!, 'http://stand-in');
      const line = `${request.method} ${pathname}`;
      asked.push({ line, query: searchParams, authorization: request.headers.authorization, body });
      const answers = script[line];
      const next = Array.isArray(answers) ? (answers.length > 1 ? answers.shift()! : answers[0]!) : answers;
      const answer =
        typeof next === 'string'
          ? { text: next }
          : (next ?? { status: 404, text: '{"status":404,"message":"No profile found: not scripted"}' });
      response.writeHead(answer.status ?? 200, answer.headers).end(answer.text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const gone = createServer();
  await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve));
  nowhere = `http://127.0.0.1:${(gone.address() as AddressInfo).port}`;
  await new Promise((resolve) => gone.close(resolve));
  folder = await mkdtemp(join(tmpdir(), 'quiver-cli-test-'));
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  asked = [];
  script = {};
  for (const name of ['QUIVER_URL', 'QUIVER_CLIENT', 'QUIVER_TOKEN']) vi.stubEnv(name, undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks).toString();
}

/** Runs a command line against the stand-in. */
async function quiver(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  let [stdout, stderr] = ['', ''];
  const out = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += text;
    return true;
  });
  const err = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += text;
    return true;
  });
  let code = -1;
  const program = new Command('quiver').exitOverride();
  addClientCommands(program, (exitCode) => {
    code = exitCode;
  });
  try {
    const isWhole = args.includes('--url') || args.includes('check');
    await program.parseAsync(isWhole ? args : [...args, '--url', url], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    code = 2;
  } finally {
    out.mockRestore();
    err.mockRestore();
  }
  return { code, stdout, stderr };
}

async function file(content: string, name = 'people.batch'): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

const PROFILE =
  '{"client":"demo","visitorId":"crm-1","modifiedAt":"2026-08-18T17:53:39.003+00:00","profileAttributes":' +
  '{"country":{"value":"france","modifiedAt":"2026-07-31T14:26:30.879+00:00"},"__proto__":{"value":"\\u001b[31m\\n","modifiedAt":"2026-08-18T17:53:39.003+00:00"}}}';
const missing = (what: string): Answer => ({
  status: 404,
  text: `{"status":404,"message":"No profile with ${what}"}`,
});

describe('commands over all profiles', () => {
  const LIST = 'GET /demo/target/profiles';
  const one = (id: string) => ({
    kind: 'thirdPartyId',
    id,
    ids: [],
    idCount: 1,
    modifiedAt: '2026-08-18T17:53:39.003Z',
    expiresAt: '2026-09-01T17:53:39.003Z',
    sizeBytes: 2,
    attributeCount: 3,
  });

  test('list asks for page after page, up to its limit', async () => {
    const page = (ids: string[], next?: string) => JSON.stringify({ profiles: ids.map(one), next });
    script = { [LIST]: [page(['a'], 'c1'), page([], 'c2'), page(['\u001b[31mb', 'c'])] };
    const { code, stdout, stderr } = await quiver(
      ...['list', 'a', '--kind', 'thirdPartyId', '--attribute', 'p:q=r=s', '--since', '2026-08-01'],
    );
    expect(code).toBe(0);
    expect(stdout.split('\n').map((line) => line.split(/ +/).at(-1))).toEqual([
      'ID',
      'a',
      '\\u001b[31mb',
      'c',
      '',
    ]);
    expect(stderr).toBe('');
    expect(asked.map(({ query }) => query.get('cursor'))).toEqual([null, 'c1', 'c2']);
    expect(Object.fromEntries(asked[0]!.query)).toEqual({
      client: 'demo',
      prefix: 'a',
      kind: 'thirdPartyId',
      attribute: 'p%3Aq:r=s',
      writtenSince: '2026-08-01',
      limit: '50',
    });
    script = { [LIST]: page(['a', 'b']) };
    expect((await quiver('list', '--limit', '1')).stderr).toContain('there are more');
    script = { [LIST]: page([]) };
    expect((await quiver('list', '--json')).stderr).toBe('no profiles\n');
    const through = (state: string) => JSON.stringify({ profiles: [one('a')], index: { state } });
    for (const [state, note] of [
      ['unfinished', 'is not built yet'],
      ['behind', 'is behind'],
      ['complete', ''],
    ] as const) {
      script = { [LIST]: through(state) };
      const { stderr } = await quiver('list', '--attribute', 'plan=gold');
      if (note === '') expect(stderr).toBe('');
      else expect(stderr).toContain(note);
    }
    expect((await quiver('list', '--kind', 'tntId')).code).toBe(2);
    expect((await quiver('list', '--limit', '0')).code).toBe(2);
  });

  test('export continues after the last whole line, and its output can be imported', async () => {
    const head = '{"quiverExport":1,"client":"demo","snapshot":"s1"}\n';
    const line = (position: string) => `{"ids":[],"position":"${position}"}\n`;
    const headers = { 'x-quiver-snapshot': 's1' };
    script = {
      'GET /demo/target/profiles/export': [
        { text: `${head}${line('7')}{"ids":[],"posi`, headers },
        { text: `${line('9')}{"end":true,"profiles":1}\n`, headers },
      ],
      'POST /demo/target/profiles/import': '{"profiles":2,"imported":1,"expired":1,"suppressed":0}',
    };
    const path = join(folder, 'people.ndjson');
    const { code, stderr } = await quiver('export', path);
    expect(stderr).toMatch(/^the connection broke; .*\n2 profiles\n$/);
    expect(code).toBe(0);
    const whole = `${head}${line('7')}${line('9')}{"end":true,"profiles":1}\n`;
    expect(await readFile(path, 'utf8')).toBe(whole);
    expect([asked[1]!.query.get('snapshot'), asked[1]!.query.get('after')]).toEqual(['s1', '7']);
    const imported = await quiver('import', path);
    expect(asked.at(-1)!.body).toBe(whole);
    expect(imported.stdout).toBe('profiles    2\nimported    1\nexpired     1\nsuppressed  0\n');
    expect((await quiver('import', '--v1', path)).code).toBe(2);
    script = { 'GET /demo/target/profiles/export': { status: 401, text: '{"errors":[{"message":"no"}]}' } };
    expect((await quiver('export', path)).code).toBe(1);
  });

  test('privacy sends a request and waits until it is complete', async () => {
    const path = '/demo/target/privacy/requests';
    let callback: object | null = null;
    const view = (state: string, waitingFor: string[] = []) =>
      JSON.stringify({
        ...{ id: 'r1', type: 'access', state, createdAt: '', finishedAt: null, waitingFor, callback },
        results: [{ kind: 'tntId', found: true, reference: 'x', id: 't1', file: `${path}/r1/files/1` }],
      });
    script = {
      [`POST ${path}`]: { status: 202, text: view('running') },
      [`GET ${path}/r1`]: [view('running', ['batch b1 is stuck']), view('complete')],
      [`GET ${path}/r1/files/1`]: '{"profileAttributes":{}}',
    };
    const { code, stdout, stderr } = await quiver('privacy', 'access', '--tnt', 't1');
    expect([code, stdout]).toEqual([0, '{"profileAttributes":{}}\n']);
    expect(stderr).toContain('batch b1 is stuck');
    expect(JSON.parse(asked[0]!.body)).toEqual({ type: 'access', identities: [{ tntId: 't1' }] });
    script[`GET ${path}/r1`] = view('running', ['batch b1 is stuck']);
    expect((await quiver('privacy', 'status', 'r1')).code).toBe(1);
    expect((await quiver('privacy', 'erase')).code).toBe(2);

    asked.length = 0;
    callback = { state: 'waiting', attempts: 2, error: 'answered 500' };
    script = {
      [`POST ${path}`]: { status: 202, text: view('complete') },
      [`GET ${path}/r1`]: view('complete'),
      'GET /demo/target/privacy/callback-secret': '{"secret":"whsec_1"}',
      'POST /demo/target/privacy/callback-secret': '{"secret":"whsec_2"}',
    };
    const url = 'https://example.com/hook';
    expect((await quiver('privacy', 'suppress', '--tnt', 't1', '--callback', url)).code).toBe(0);
    expect(JSON.parse(asked[0]!.body)).toMatchObject({ type: 'suppress', callback: url });
    const status = await quiver('privacy', 'status', 'r1');
    expect(status.stdout).toContain('waiting, attempt 2: answered 500');
    expect((await quiver('privacy', 'secret')).stdout).toBe('whsec_1\n');
    expect((await quiver('privacy', 'secret', '--new')).stdout).toBe('whsec_2\n');
  });

  test('audit shows what administrators did, page by page', async () => {
    const entry = (name: string) => ({
      ...{ at: '2026-08-18T17:53:39.003Z', by: { kind: 'token', id: '3f9a01c2' } },
      ...{ action: 'POST /x', target: { name } },
    });
    const page = (entries: object[], next?: string) => JSON.stringify({ entries, next });
    const path = 'GET /demo/target/audit';
    script = { [path]: [page([entry('one')], 'c1'), page([entry('two')])] };
    const { code, stdout } = await quiver('audit', '--since', '2026-08-01');
    expect(code).toBe(0);
    expect(stdout.split('\n').slice(1)).toEqual([
      '2026-08-18T17:53:39.003Z  token 3f9a01c2  POST /x  name=one',
      '2026-08-18T17:53:39.003Z  token 3f9a01c2  POST /x  name=two',
      '',
    ]);
    expect([asked[0]!.query.get('since'), asked[1]!.query.get('cursor')]).toEqual(['2026-08-01', 'c1']);
    script = { [path]: page([entry('one'), entry('two')]) };
    expect((await quiver('audit', '--json', '--limit', '1')).stdout).toBe(
      `${JSON.stringify(entry('one'))}\n`,
    );
    expect((await quiver('audit', '--limit', '0')).code).toBe(2);
  });

  test('merges lists the merges of the first kind of id that has any', async () => {
    const merge = {
      ...{ id: 'm1', at: '2026-08-18T17:53:39.003Z', into: { kind: 'thirdPartyId', id: 'p' } },
      from: [{ kind: 'tntId', id: 'device', since: '2026-08-01T09:00:00.000Z' }],
      overruled: ['country'],
    };
    const path = 'GET /demo/target/merges';
    const found = (merges: object[], unreachable: number[] = []) => JSON.stringify({ merges, unreachable });
    script = { [path]: [found([]), found([merge])] };
    const { code, stdout } = await quiver('merges', 'device');
    expect([code, stdout.split('\n')[1]]).toEqual([
      0,
      'm1  2026-08-18T17:53:39.003Z  thirdPartyId p  tntId device  country',
    ]);
    expect(asked.map(({ query }) => [...query.keys()].at(-1))).toEqual(['thirdPartyId', 'tntId']);
    script = { [path]: found([merge]) };
    expect((await quiver('merges', '--tnt', 'device', '--json')).stdout).toBe(`${JSON.stringify(merge)}\n`);
    script = { [path]: found([]) };
    expect(await quiver('merges', 'nobody')).toMatchObject({ code: 0, stdout: '' });
    script = { [path]: found([merge], [35]) };
    const short = await quiver('merges', 'p');
    expect([short.code, short.stdout.split('\n')[1]?.slice(0, 2)]).toEqual([1, 'm1']);
    expect(short.stderr).toContain('edge cluster 35 cannot be asked');
  });

  test('unmerge undoes a merge, or shows what it would do, or says why it cannot', async () => {
    const view = (preview: boolean) =>
      JSON.stringify({
        ...{ id: 'm1', preview, into: { kind: 'thirdPartyId', id: 'p' }, removed: [] },
        ...{ ids: [{ kind: 'tntId', id: 'device' }], attributes: ['country', 'size'] },
      });
    const path = 'POST /demo/target/merges/m1/unmerge';
    script = { [path]: [view(true), view(false)] };
    const preview = await quiver('unmerge', 'm1', '--preview');
    expect([preview.code, preview.stdout]).toEqual([
      0,
      'would separate   tntId device\nfrom             thirdPartyId p\nwith attributes  country, size\nremoved there    (none)\n',
    ]);
    expect(preview.stderr).toContain('nothing was changed');
    const done = await quiver('unmerge', 'm1');
    expect([done.stdout.split('\n')[0], done.stderr]).toEqual(['separated        tntId device', '']);
    expect(asked.map(({ query }) => query.get('preview'))).toEqual(['true', null]);
    script = { [path]: { status: 409, text: JSON.stringify({ message: 'it was undone already' }) } };
    const refused = await quiver('unmerge', 'm1');
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('it was undone already')]);
  });

  test('delete removes a profile, and says when there is none', async () => {
    script = { 'DELETE /rest/v1/profiles/thirdPartyId/crm-1': { status: 204, text: '' } };
    expect(await quiver('delete', 'crm-1')).toMatchObject({
      code: 0,
      stderr: 'removed thirdPartyId crm-1\n',
    });
    expect((await quiver('delete', 'crm-2')).code).toBe(1);
  });
});

describe('quiver get', () => {
  const KIND_OF: Record<string, string> = {
    '': 'tntId',
    thirdPartyId: 'thirdPartyId',
    marketingCloudVisitorId: 'ECID',
  };
  const hex = '4f0c2a1e9b7d4c55a1b2c3d4e5f60718';
  const digits = '1'.repeat(38);
  const PERSON = 'thirdPartyId/';
  const ECID = 'marketingCloudVisitorId/';
  test.each<[what: string, args: string[], paths: string[]]>([
    ['38 digits: an ECID first', [digits], [ECID + digits, digits, PERSON + digits]],
    ['32 hex digits: a tntId first', [hex], [hex, PERSON + hex, ECID + hex]],
    ['a location hint: a tntId first', ['a.28_20'], ['a.28_20', `${PERSON}a.28_20`, `${ECID}a.28_20`]],
    ['any other: a thirdPartyId first', ['crm-1'], [`${PERSON}crm-1`, 'crm-1', `${ECID}crm-1`]],
    ['two dots are no tntId', ['a.b.1'], [`${PERSON}a.b.1`, `${ECID}a.b.1`]],
    ['--third-party', [hex, '--third-party'], [`thirdPartyId/${hex}`]],
    ['--ecid', ['crm-1', '--ecid'], ['marketingCloudVisitorId/crm-1']],
    ['--tnt', ['crm-1', '--tnt'], ['crm-1']],
    ['an id that needs escapes', ['a b%?', '--third-party'], ['thirdPartyId/a%20b%25%3F']],
  ])('looks the id up in the right order: %s', async (_, args, paths) => {
    for (const path of paths) script[`GET /rest/v1/profiles/${path}`] = missing(path);
    const { code, stdout, stderr } = await quiver('get', ...args);
    expect(asked.map(({ line }) => line)).toEqual(paths.map((path) => `GET /rest/v1/profiles/${path}`));
    expect(asked[0]!.query.get('client')).toBe('demo');
    expect([code, stdout]).toEqual([1, '']);
    const kinds = paths.map((path) => KIND_OF[path.split('/').at(-2) ?? '']);
    const says =
      paths.length === 1
        ? `No profile with ${paths[0]}`
        : `No profile found for client demo with ${kinds.join(', ').replace(/, (\S+)$/, ' or $1')} ${args[0]}`;
    expect(stderr).toBe(`quiver: ${says}\n`);
  });

  test('shows the profile, and stored text cannot move the cursor', async () => {
    script['GET /rest/v1/profiles/thirdPartyId/crm-1'] = PROFILE;
    expect(await quiver('get', 'crm-1')).toEqual({
      code: 0,
      stderr: '',
      stdout:
        'thirdPartyId  crm-1\n' +
        'modified      2026-08-18T17:53:39.003+00:00\n\n' +
        'country    france            2026-07-31T14:26:30.879+00:00\n' +
        '__proto__  \\u001b[31m\\u000a  2026-08-18T17:53:39.003+00:00\n',
    });
  });

  test('prints the reply unchanged with --json', async () => {
    script['GET /rest/v1/profiles/thirdPartyId/crm-1'] = PROFILE;
    expect(await quiver('get', 'crm-1', '--third-party', '--json')).toMatchObject({
      code: 0,
      stdout: `${PROFILE}\n`,
    });
  });

  test.each<[what: string, answer: Answer, stderr: string]>([
    [
      'refused',
      { status: 403, text: '{"status":403,"message":"Forbidden"}' },
      'the server refused (403): Forbidden',
    ],
    [
      'another server',
      { status: 502, text: '<html>\n<b>Bad</b>' },
      'the server refused (502): <html> <b>Bad</b>',
    ],
    ['another 200', { text: 'hello' }, "the reply is not one of Quiver's: hello"],
  ])('reports a failure: %s', async (_, answer, stderr) => {
    script['GET /rest/v1/profiles/a'] = answer;
    expect(await quiver('get', 'a', '--tnt')).toEqual({ code: 1, stdout: '', stderr: `quiver: ${stderr}\n` });
  });

  test('takes variables in place of flags, and the first of several client codes', async () => {
    vi.stubEnv('QUIVER_CLIENT', 'acme,globex');
    vi.stubEnv('QUIVER_TOKEN', 'secret');
    script['GET /rest/v1/profiles/a'] = PROFILE;
    await quiver('get', 'a', '--tnt');
    expect(asked[0]).toMatchObject({ authorization: 'Bearer secret' });
    expect(asked[0]!.query.get('client')).toBe('acme');
  });

  test('ends with exit code 4 and one line when no server answers', async () => {
    const { code, stderr } = await quiver('get', 'a', '--url', nowhere);
    expect([code, stderr]).toEqual([4, `quiver: cannot reach ${nowhere}: connection refused\n`]);
  });
});

test.each([
  ['get', '.'],
  ['get', '..', '--tnt'],
])('quiver %s %s is a usage error, because no URL can contain that part', async (...args) => {
  const { code, stderr } = await quiver(...args);
  expect([code, asked]).toEqual([2, []]);
  expect(stderr).toMatch(/^quiver: \w+: "\.+" cannot be a part of a URL\n$/);
});

describe('quiver settings', () => {
  const path = 'PATCH /demo/target/clients/settings';
  const stored = '{"enableProfileApiAuthentication":false,"checking":"strict"}';

  test('refuses a name that looks like a misspelt setting, and sends nothing', async () => {
    const { code, stdout, stderr } = await quiver('settings', 'profileLifetimeDays=30', 'chekcing=strict');
    expect([code, stdout, asked]).toEqual([2, '', []]);
    expect(stderr).toBe(
      'quiver: chekcing: is no setting of Quiver; did you mean checking? Nothing was changed; --force stores it\n',
    );
  });

  test.each([
    ['with --force', ['chekcing=strict', '--force']],
    ['when it is taken away', ['chekcing=null']],
    ['when it is nothing like a setting', ['owner=growth']],
    ['when it is a setting', ['checking=strict']],
  ])('sends a name %s', async (_, args) => {
    script[path] = stored;
    expect(await quiver('settings', ...args)).toMatchObject({ code: 0, stderr: '' });
    expect(asked.map(({ line }) => line)).toEqual([path]);
  });
});

describe('quiver set', () => {
  const path = 'POST /m2/demo/profile/update';
  const done =
    '<response><success>true</success><pcId></pcId><message>Request successfully submitted</message></response>';
  const notFound =
    '<response><success>false</success><pcId></pcId><message>No profile found &amp; so on</message></response>';

  test('sends a form, and a value may contain anything', async () => {
    script[path] = done;
    const { code, stderr } = await quiver('set', 'crm-1', '--third-party', 'a b=x=y&z', 'c=+é');
    expect([code, stderr]).toEqual([0, 'set 2 of thirdPartyId crm-1\n']);
    expect([...new URLSearchParams(asked[0]!.body)]).toEqual([
      ['mbox3rdPartyId', 'crm-1'],
      ['profile.a b', 'x=y&z'],
      ['profile.c', '+é'],
    ]);
  });

  test('uses the tntId when no thirdPartyId has that name', async () => {
    script[path] = [notFound, done];
    expect(await quiver('set', 'crm-1', 'a=x')).toMatchObject({
      code: 0,
      stderr: 'set 1 of tntId crm-1\n',
    });
    expect(asked.map(({ body }) => body.split('=')[0])).toEqual(['mbox3rdPartyId', 'mboxPC']);
  });

  test('reports a profile that does not exist', async () => {
    script[path] = notFound;
    expect(await quiver('set', 'a', '--tnt', 'a=x')).toMatchObject({
      code: 1,
      stderr: 'quiver: No profile found & so on\n',
    });
  });

  test.each<[what: string, args: string[], stderr: string]>([
    ['no =', ['a', 'b'], 'b: expected name=value'],
    ['no name', ['a', '=b'], '=b: expected name=value'],
    ['no value', ['a', 'b='], 'b=: an empty value would be ignored'],
    ['the prefix', ['a', 'profile.b=c'], 'profile.b=c: write attribute names without "profile."'],
    [
      'an ECID',
      ['1'.repeat(38), 'b=c'],
      'an update cannot name its profile by an ECID; give its tntId or thirdPartyId',
    ],
  ])('treats this as a usage error and sends nothing: %s', async (_, args, stderr) => {
    expect(await quiver('set', ...args)).toEqual({ code: 2, stdout: '', stderr: `quiver: ${stderr}\n` });
    expect(asked).toEqual([]);
  });
});

const BATCH = {
  id: 'demo-1-2',
  version: 'v1',
  state: 'stuck',
  rows: 12345,
  bytes: 9,
  consumed: 1000,
  successful: 990,
  notFound: 4,
  failed: 6,
  acceptedAt: 'A',
  startedAt: 'B',
  finishedAt: null,
  reason: 'no space',
};

describe('quiver batch', () => {
  const one = '/demo/target/batches/demo-1-2';

  test('status lists all batches', async () => {
    script['GET /demo/target/batches'] = JSON.stringify({ batches: [BATCH] });
    const { stdout, code } = await quiver('batch', 'status', '--token', 'admin');
    expect([code, asked[0]!.authorization]).toEqual([0, 'Bearer admin']);
    expect(stdout.split('\n').map((line) => line.split(/ +/))).toEqual([
      ['batch', 'state', 'consumed', 'rows', 'failed', 'accepted'],
      ['demo-1-2', 'stuck', '1,000', '12,345', '6', 'A'],
      [''],
    ]);
  });

  test('status shows one batch, also as JSON', async () => {
    script[`GET ${one}`] = JSON.stringify(BATCH);
    const { stdout } = await quiver('batch', 'status', 'demo-1-2');
    expect(stdout).toContain('state       stuck: no space\n');
    expect(stdout).toContain('not found   4\n');
    expect((await quiver('batch', 'status', 'demo-1-2', '--json')).stdout).toBe(`${JSON.stringify(BATCH)}\n`);
  });

  test('failures lists the failed rows, page by page', async () => {
    const row = (line: number) => ({ line, id: line === 3 ? '' : 'x\n', reason: 'bad', notFound: false });
    script[`GET ${one}/failures`] = [
      JSON.stringify({ failures: [row(3)], nextLine: 4 }),
      JSON.stringify({ failures: [row(9)] }),
    ];
    expect(await quiver('batch', 'failures', 'demo-1-2')).toMatchObject({
      code: 0,
      stdout: 'line 3  -  bad\nline 9  x\\u000a  bad\n',
    });
    expect(asked.map(({ query }) => query.get('fromLine'))).toEqual(['1', '4']);
    expect((await quiver('batch', 'failures', 'demo-1-2', '--json')).stdout).toBe(
      `${JSON.stringify(row(9))}\n`,
    );
  });

  test('failures writes the failed rows as a file', async () => {
    script[`GET ${one}/failures`] = 'batch=pcId,a\n1,%\n';
    const path = join(folder, 'failed.batch');
    expect(await quiver('batch', 'failures', 'demo-1-2', '--file', path)).toMatchObject({
      code: 0,
      stdout: '',
    });
    expect(await readFile(path, 'utf8')).toBe('batch=pcId,a\n1,%\n');
    expect(asked[0]!.query.get('format')).toBe('file');
    const elsewhere = await quiver('batch', 'failures', 'demo-1-2', '--file', join(folder, 'none', 'x'));
    expect(elsewhere.code).toBe(2);
    script[`GET ${one}/failures`] = { status: 404, text: '{"status":404,"message":"No batch"}' };
    expect(await quiver('batch', 'failures', 'demo-1-2', '--file', path)).toMatchObject({
      code: 1,
      stderr: 'quiver: the server refused (404): No batch\n',
    });
  });

  test('retry resumes a stuck batch', async () => {
    script[`POST ${one}/retry`] = [
      { status: 204, text: '' },
      { status: 400, text: '{"status":400,"message":"Batch is not stuck"}' },
    ];
    expect(await quiver('batch', 'retry', 'demo-1-2')).toMatchObject({
      code: 0,
      stderr: 'batch demo-1-2 resumes\n',
    });
    expect(await quiver('batch', 'retry', 'demo-1-2')).toMatchObject({
      code: 1,
      stderr: 'quiver: Batch is not stuck\n',
    });
  });

  test('a refusal in the error shape of the Admin API is reported', async () => {
    script['GET /demo/target/batches'] = {
      status: 401,
      text: '{"httpStatus":401,"errors":[{"errorCode":"x","message":"Unauthorized"}]}',
    };
    expect(await quiver('batch', 'status')).toMatchObject({
      code: 1,
      stderr: 'quiver: the server refused (401): Unauthorized\n',
    });
  });
});

describe('quiver customers', () => {
  const path = '/demo/target/customer-attributes';
  const batch = (state: string, failed: number) =>
    JSON.stringify({ id: 'demo-1-2', version: 'v2', source: 'crm', state, successful: 2 - failed, failed });

  test('uploads a file, waits for its rows, and reports those that failed', async () => {
    const table = join(folder, 'crm.csv');
    await writeFile(table, 'id,a\n1,x\n2,y\n');
    const answer = { batchId: 'demo-1-2', source: 'crm', rows: 2, status: 'http://x/' };
    script[`POST ${path}/crm`] = { status: 202, text: JSON.stringify(answer) };
    script['GET /demo/target/batches/demo-1-2'] = [batch('running', 0), batch('complete', 1)];
    const { code, stdout, stderr } = await quiver('customers', 'upload', 'crm', table, '--ids', 'customerId');
    expect([code, stdout]).toEqual([3, '1 applied, 1 failed\n']);
    expect(stderr).toContain('quiver batch failures demo-1-2');
    expect(asked[0]).toMatchObject({ line: `POST ${path}/crm`, body: 'id,a\n1,x\n2,y\n' });
    expect(asked[0]!.query.get('ids')).toBe('customerId');
    asked = [];
    expect((await quiver('customers', 'upload', 'crm', table, '--no-wait')).code).toBe(0);
    expect(asked).toHaveLength(1);
  });

  test('sends nothing of an unreadable file, and reports what the server refuses', async () => {
    const missing = join(folder, 'missing.csv');
    const { code, stderr } = await quiver('customers', 'upload', 'crm', missing);
    expect([code, asked]).toEqual([2, []]);
    expect(stderr).toContain(`cannot read ${missing}`);
    const table = join(folder, 'bad.csv');
    await writeFile(table, 'id\n1\n');
    const text = '{"errors":[{"message":"line 1: expected the ids and at least one attribute"}]}';
    script[`POST ${path}/crm`] = { status: 400, text };
    expect(await quiver('customers', 'upload', 'crm', table)).toMatchObject({
      stderr: expect.stringContaining('line 1: expected the ids and at least one attribute'),
    });
  });

  test('lists the sources', async () => {
    const source = {
      source: 'crm',
      ids: 'customerId',
      attributes: ['a', 'b'],
      uploadedAt: '2026-08-18T12:00:00.000Z',
    };
    script[`GET ${path}`] = JSON.stringify({ sources: [source] });
    const { stdout } = await quiver('customers', 'list');
    expect(stdout).toContain('crm     customerId  a, b        2026-08-18T12:00:00.000Z\n');
  });
});

describe('quiver script', () => {
  const path = '/demo/target/scripts';
  const view = {
    ...{
      name: 'tier',
      script: "return 'gold';",
      enabled: true,
      state: 'disabled',
      reason: 'line 1: \u001b[31m',
    },
    ...{ changedAt: '2026-08-18T12:00:00.000Z', runs: 3, errors: 1 },
  };

  test('lists scripts and prints one, with its state on stderr', async () => {
    script = {
      [`GET ${path}`]: JSON.stringify({ scripts: [view] }),
      [`GET ${path}/tier`]: JSON.stringify(view),
    };
    const listed = await quiver('script', 'list', '--token', 'adm');
    expect(listed.stdout).toContain('tier  disabled  3     1       2026-08-18T12:00:00.000Z');
    expect(listed.stdout).not.toContain('\u001b');
    expect(asked[0]!.authorization).toBe('Bearer adm');
    expect(await quiver('script', 'get', 'tier')).toMatchObject({
      ...{ code: 0, stdout: "return 'gold';\n" },
      stderr: expect.stringContaining('tier is disabled: line 1:'),
    });
    expect((await quiver('script', 'get', 'tier', '--json')).stdout).toBe(`${JSON.stringify(view)}\n`);
    script = {};
    expect(await quiver('script', 'get', 'tier')).toMatchObject({
      ...{ code: 1, stderr: expect.stringContaining('no such script: tier') },
    });
  });

  test('sets a script from a file, and sends nothing when the name or the file is wrong', async () => {
    script[`PUT ${path}/tier`] = JSON.stringify({ ...view, state: 'active', reason: undefined });
    const source = await file("return 'gold';", 'tier.js');
    const set = await quiver('script', 'set', 'tier', source);
    expect([set.code, set.stderr]).toEqual([0, expect.stringContaining('tier is active')]);
    expect(JSON.parse(asked[0]!.body)).toEqual({ script: "return 'gold';", enabled: true });
    await quiver('script', 'set', 'tier', source, '--off');
    expect(JSON.parse(asked[1]!.body)).toMatchObject({ enabled: false });
    asked = [];
    expect((await quiver('script', 'set', 'a.b', source)).code).toBe(2);
    expect((await quiver('script', 'set', 'tier', join(folder, 'missing.js'))).code).toBe(2);
    expect(asked).toEqual([]);
  });

  test('checks a script without a server', async () => {
    expect((await quiver('script', 'check', await file('return 1;', 'good.js'))).code).toBe(0);
    const missing = await quiver('script', 'check', '/nowhere/x.js');
    expect(missing).toMatchObject({ code: 2, stderr: 'quiver: cannot read /nowhere/x.js: no such file\n' });
    const uploaded = await quiver('customers', 'upload', 'crm', '/nowhere/x.csv');
    expect(uploaded).toMatchObject({ code: 2, stderr: 'quiver: cannot read /nowhere/x.csv: no such file\n' });
    const bad = await quiver('script', 'check', await file('var a;\nreturn +;', 'bad.js'));
    expect([bad.code, bad.stderr]).toEqual([1, expect.stringContaining('line 2')]);
    expect(asked).toEqual([]);
  });

  test('enables, disables and deletes a script', async () => {
    script = {
      [`GET ${path}/tier`]: JSON.stringify(view),
      [`PUT ${path}/tier`]: JSON.stringify(view),
      [`DELETE ${path}/tier`]: { status: 204, text: '' },
    };
    for (const name of ['enable', 'disable', 'delete']) {
      expect((await quiver('script', name, 'tier')).code).toBe(0);
    }
    const sent = asked.filter(({ body }) => body !== '').map(({ body }) => JSON.parse(body));
    expect(sent).toEqual([true, false].map((enabled) => ({ script: "return 'gold';", enabled })));
    expect(asked.at(-1)!.line).toBe(`DELETE ${path}/tier`);
  });

  test('tests a script on a profile, and a script error gives exit code 1', async () => {
    script[`POST ${path}/tier/test`] = [
      '{"value":["a",1],"milliseconds":0.2,"instructions":12}',
      '{"error":"line 1: ReferenceError: a"}',
    ];
    const words = [
      '--id',
      'crm-1',
      '--mbox',
      'home',
      '--parameter',
      'a=b=c',
      '--parameter',
      'd=',
      '--page',
      'u',
    ];
    const good = await quiver('script', 'test', 'tier', ...words);
    expect([good.code, good.stdout]).toEqual([0, '["a",1]\n']);
    expect(JSON.parse(asked[0]!.body)).toEqual({
      ...{ id: { thirdPartyId: 'crm-1' }, mbox: 'home', page: 'u' },
      parameters: { a: 'b=c', d: '' },
    });
    const bad = await quiver('script', 'test', 'tier', '--file', await file('return a;', 'a.js'));
    expect([bad.code, bad.stderr]).toEqual([1, expect.stringContaining('ReferenceError')]);
    expect(JSON.parse(asked[1]!.body)).toEqual({ script: 'return a;' });
    expect((await quiver('script', 'test', 'tier', '--parameter', 'a')).code).toBe(2);
  });
});

describe('quiver import', () => {
  const v2 = '/m2/demo/v2/profile';
  const unknown: Answer = {
    status: 404,
    text: '<response><success>false</success><batchStatus></batchStatus><message>No batch found</message></response>',
  };
  const accepted = (id: string) =>
    `<response><success>true</success><batchStatus>http://elsewhere/m2/demo/profile/batchStatus?batchId=${id}</batchStatus><message>Batch submitted for processing</message></response>`;
  const counts = (status: string, size: number, consumed: number, failed: number, rest = '') =>
    `<response><batchId>b</batchId><status>${status}</status><batchSize>${size}</batchSize><consumedCount>${consumed}</consumedCount>` +
    `<successfulUpdates>${consumed - failed}</successfulUpdates><failedUpdates>${failed}</failedUpdates>${rest}</response>`;
  const good = 'batch=thirdPartyId,a\n1,x\n2,y\n';

  test('checks a file, sends it unchanged, waits and counts', async () => {
    const path = await file(good);
    script[`GET ${v2}/batchStatus`] = [
      unknown,
      counts('incomplete', 2, 1, 0),
      { status: 503, text: '' },
      counts('complete', 2, 2, 0),
    ];
    script[`POST ${v2}/batchUpdate`] = accepted('demo-1-2');
    const { code, stdout, stderr } = await quiver('import', path, '--token', 'secret');
    expect(stdout).toBe('batch       demo-1-2 complete\nrows        2\nsuccessful  2\nfailed      0\n');
    expect(stderr).toBe(`${path}: 2 rows, 29 bytes\naccepted as demo-1-2\n`);
    expect(code).toBe(0);
    const [hello, upload, status] = asked;
    expect([hello!.authorization, upload!.authorization]).toEqual(['Bearer secret', 'Bearer secret']);
    expect(upload).toMatchObject({ line: `POST ${v2}/batchUpdate`, body: good });
    expect(status!.query.get('batchId')).toBe('demo-1-2');
  });

  test('sends a file to version 1 with --v1', async () => {
    script['GET /m2/demo/profile/batchStatus'] = [
      unknown,
      counts('complete', 2, 2, 0, '<profilesNotFound>1</profilesNotFound>'),
    ];
    script['POST /m2/demo/profile/batchUpdate'] = accepted('demo-1-2');
    const { code, stdout } = await quiver('import', await file(good), '--v1');
    expect(code).toBe(0);
    expect(stdout).toContain('not found   1\n');
  });

  test('reports failed rows with line, id and reason, and ends with exit code 3', async () => {
    script[`GET ${v2}/batchStatus`] = [unknown, counts('complete', 2, 2, 1)];
    script[`POST ${v2}/batchUpdate`] = accepted('demo-1-2');
    script['GET /demo/target/batches/demo-1-2/failures'] = JSON.stringify({
      failures: [{ line: 3, id: '2', reason: 'too large', notFound: false }],
    });
    const { code, stdout } = await quiver('import', await file(good));
    expect(code).toBe(3);
    expect(stdout).toContain('failed      1\nline 3  2  too large\n');
  });

  test('reports what the check and the status say when there is no admin token', async () => {
    const failed = (id: string) => `<profile><id>${id}</id><status>failed</status></profile>`;
    script[`GET ${v2}/batchStatus`] = [unknown, counts('complete', 3, 3, 2, failed('a/b') + failed('&lt;2'))];
    script[`POST ${v2}/batchUpdate`] = accepted('demo-1-2');
    script['GET /demo/target/batches/demo-1-2/failures'] = {
      status: 401,
      text: '{"errors":[{"message":"Unauthorized"}]}',
    };
    const { code, stdout } = await quiver('import', await file('batch=thirdPartyId,a\n\n1,x\na/b,x\n<2,y'));
    expect(code).toBe(3);
    expect(stdout.split('\n').slice(-3)).toEqual([
      'line ?  <2   failed',
      'line 4  a/b  the id must not contain + or /',
      '',
    ]);
  });

  test('sends nothing with --check', async () => {
    expect(await quiver('import', await file(good), '--check')).toMatchObject({ code: 0, stdout: '' });
    const bad = await quiver('import', await file('batch=pcId,a\n1,%\n2,x\n.3,y\n'), '--check');
    expect(bad.code).toBe(3);
    expect(bad.stdout).toContain('line 4  .3  the id must not start with a dot\n');
    expect(asked).toEqual([]);
  });

  test.each<[what: string, content: string, message: string]>([
    ['no batch', 'pcId,a\n1,x', 'the file starts with a header row but lacks "batch="'],
    ['a bad header', 'batch=pcId,a,a\n1,x', 'row 1: the name "a" of column 3 is given twice'],
    ['empty', '', 'the file is empty'],
  ])('ends with exit code 2 and sends nothing for a bad file: %s', async (_, content, message) => {
    const { code, stderr, stdout } = await quiver('import', await file(content));
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
    expect(asked).toEqual([]);
  });

  test.each<[what: string, args: string[], message: string]>([
    ['no such file', ['/nowhere/x'], 'quiver: cannot read /nowhere/x: no such file\n'],
    ['a folder', [tmpdir()], `quiver: ${tmpdir()} is a folder\n`],
    [
      '--csv without --key',
      ['x', '--csv', '--as', 'pcId'],
      'quiver: --csv needs --key <column>, the column that holds the ids\n',
    ],
    [
      '--csv without --as',
      ['x', '--csv', '--key', 'a'],
      'quiver: --csv needs --as thirdPartyId or --as pcId\n',
    ],
    ['--key without --csv', ['x', '--key', 'a'], 'quiver: --key and --as only work with --csv\n'],
    ['--delimiter without --csv', ['x', '--delimiter', ';'], 'quiver: --delimiter only works with --csv\n'],
    ...[';;', '', '"', '\n', '\uFEFF'].map((delimiter): [string, string[], string] => [
      `--delimiter ${JSON.stringify(delimiter)}`,
      ['x', '--csv', '--key', 'a', '--as', 'pcId', '--delimiter', delimiter],
      `quiver: --delimiter must be one character, no quote and no line end, or tab; not ${delimiter.replace('\n', '\\u000a').replace('\uFEFF', '\\ufeff')}\n`,
    ]),
  ])('ends with exit code 2 for: %s', async (_, args, message) => {
    expect(await quiver('import', ...args)).toEqual({ code: 2, stdout: '', stderr: message });
  });

  test('reports the records of a table that give no row, with the lines of the table', async () => {
    const path = await file('plan,crm_id\n"a\nb",1\nx,\nc,2\nd,3', 'people.csv');
    script[`GET ${v2}/batchStatus`] = [unknown, counts('complete', 3, 3, 1)];
    script[`POST ${v2}/batchUpdate`] = accepted('demo-1-2');
    script['GET /demo/target/batches/demo-1-2/failures'] = JSON.stringify({
      failures: [{ line: 3, id: '2', reason: 'too large', notFound: false }],
    });
    const before = (await readdir(tmpdir())).filter((name) => name.startsWith('quiver-import-'));
    const { code, stdout } = await quiver('import', '--csv', path, '--key', 'crm_id', '--as', 'thirdPartyId');
    expect(asked[1]!.body).toBe('batch=thirdPartyId,plan\n1,a%0Ab\n2,c\n3,d\n');
    expect(stdout).toContain(
      'rows        4\nsuccessful  2\nfailed      2\nline 4  -  the id (crm_id) is missing\nline 5  2  too large\n',
    );
    expect(code).toBe(3);
    expect((await readdir(tmpdir())).filter((name) => name.startsWith('quiver-import-'))).toEqual(before);
  });

  test.each([
    ['--delimiter', 'plan;crm_id\r\na,b;1\n', ['--delimiter', ';']],
    ['--delimiter tab', 'plan\tcrm_id\na,b\t1\r', ['--delimiter', 'tab']],
    ['a first line sep=', 'sep=|\nplan|crm_id\na,b|1\n', []],
  ])('reads a table whose delimiter is given by %s', async (_, csv, flags) => {
    const path = await file(csv, 'people.csv');
    script[`GET ${v2}/batchStatus`] = [unknown, counts('complete', 1, 1, 0)];
    script[`POST ${v2}/batchUpdate`] = accepted('demo-1-2');
    const args = ['--csv', path, '--key', 'crm_id', '--as', 'thirdPartyId', ...flags];
    expect((await quiver('import', ...args)).code).toBe(0);
    expect(asked[1]!.body).toBe('batch=thirdPartyId,plan\n1,a%2Cb\n');
  });

  test('reports a value in a column of profile scripts as a bad row, with the line of the table', async () => {
    const path = await file('crm_id,user.x,a\n1,,y\n\n2,forged,y\n', 'people.csv');
    const args = ['--csv', path, '--key', 'crm_id', '--as', 'thirdPartyId', '--check'];
    const { code, stdout } = await quiver('import', ...args);
    expect([code, stdout]).toEqual([
      3,
      'line 4  2  the value of "user.x" cannot be set: the name must not start with "user.", which belongs to profile scripts\n',
    ]);
  });

  test('refuses a batch whose line ends were lost before anything is sent', async () => {
    const path = await file('batch=pcId,a1,x2,y');
    const { code, stderr } = await quiver('import', path);
    expect([code, asked]).toEqual([2, []]);
    expect(stderr).toContain('so its line ends were lost (curl -d removes them');
  });

  test('splits a file over the limits into several batches with the header each, and reports lines of the file', async () => {
    const path = await file(`batch=pcId,a\n\n${'1,x\n'.repeat(500_000)}\n2,%\n`);
    script[`GET ${v2}/batchStatus`] = [
      unknown,
      counts('complete', 500_000, 500_000, 0),
      counts('complete', 1, 1, 1),
    ];
    script[`POST ${v2}/batchUpdate`] = [accepted('demo-1-1'), accepted('demo-1-2')];
    script['GET /demo/target/batches/demo-1-2/failures'] = JSON.stringify({
      failures: [{ line: 2, id: '2', reason: 'bad', notFound: false }],
    });
    const { code, stdout } = await quiver('import', path);
    const bodies = asked.filter(({ line }) => line.startsWith('POST')).map(({ body }) => body);
    expect(bodies.map((body) => body.length)).toEqual([13 + 2_000_000, 17]);
    expect(bodies[1]).toBe('batch=pcId,a\n2,%\n');
    expect(stdout).toContain(
      'rows        500,001\nsuccessful  500,000\nfailed      1\nline 500004  2  bad\n',
    );
    expect(code).toBe(3);
  });

  test('reports a refused token or client before the file is sent', async () => {
    script[`GET ${v2}/batchStatus`] = [
      { status: 403, text: '<response><message>Forbidden</message></response>' },
      { status: 404, text: '{"status":404,"message":"No such client: demo"}' },
    ];
    expect(await quiver('import', await file(good))).toMatchObject({ code: 1, stdout: '' });
    expect((await quiver('import', await file(good))).stderr).toContain(
      'the server refused (404): No such client: demo',
    );
    expect(asked.every(({ line }) => line.startsWith('GET'))).toBe(true);
  });

  test('reports a refused upload', async () => {
    script[`GET ${v2}/batchStatus`] = unknown;
    script[`POST ${v2}/batchUpdate`] = {
      status: 413,
      text: '<response><success>false</success><batchStatus></batchStatus><message>too large</message></response>',
    };
    const { code, stderr } = await quiver('import', await file(good));
    expect(code).toBe(1);
    expect(stderr).toContain('the server refused (413): too large');
  });

  test('sends the whole file again when the server was busy', async () => {
    script[`GET ${v2}/batchStatus`] = [unknown, counts('complete', 2, 2, 0)];
    script[`POST ${v2}/batchUpdate`] = [
      { status: 503, text: '', headers: { 'retry-after': '0' } },
      accepted('demo-1-2'),
    ];
    expect(await quiver('import', await file(good))).toMatchObject({ code: 0 });
    expect(asked.filter(({ line }) => line.startsWith('POST')).map(({ body }) => body)).toEqual([good, good]);
  });

  test('reports a stuck batch and how to learn the reason', async () => {
    script[`GET ${v2}/batchStatus`] = [unknown, counts('stuck', 2, 1, 0)];
    script[`POST ${v2}/batchUpdate`] = accepted('demo-1-2');
    const { code, stderr } = await quiver('import', await file(good));
    expect(code).toBe(1);
    expect(stderr).toContain('batch demo-1-2 is stuck');
  });

  test('ends with exit code 4 when no server answers', async () => {
    expect(await quiver('import', await file(good), '--url', nowhere)).toMatchObject({
      code: 4,
      stdout: '',
    });
  });
});

describe('quiver changes', () => {
  const change = (n: number, more = {}) => ({
    ...{ cursor: `aaaaaaaaaaaa-${n}`, type: 'updated', at: '2026-11-26T04:11:12.345Z', channel: 'visit' },
    profile: { kind: 'tntId', id: `a${n}` },
    attributes: ['x', 'y'],
    ...more,
  });
  const PATH = 'GET /demo/target/changes';

  test('shows page after page, and the cursor to continue from', async () => {
    script[PATH] = [
      JSON.stringify({ changes: [change(1), change(2)], next: 'aaaaaaaaaaaa-2', more: true }),
      JSON.stringify({
        changes: [
          change(3, {
            type: 'merged',
            attributes: undefined,
            from: [{ kind: 'tntId', id: 'b\u001b[1m' }],
            overruled: ['x'],
          }),
        ],
        next: 'aaaaaaaaaaaa-7',
        more: false,
      }),
    ];
    const { code, stdout, stderr } = await quiver('changes', '--types', 'updated,merged');
    expect(code).toBe(0);
    expect(stdout.split('\n').slice(0, 3)).toEqual([
      '2026-11-26T04:11:12.345Z  updated  visit    tntId a1  attributes: x, y  aaaaaaaaaaaa-1',
      '2026-11-26T04:11:12.345Z  updated  visit    tntId a2  attributes: x, y  aaaaaaaaaaaa-2',
      expect.stringContaining('tntId a3  from: tntId b\\u001b[1m  overruled: x  aaaaaaaaaaaa-3'),
    ]);
    expect(stderr).toContain('--after aaaaaaaaaaaa-7');
    expect(asked.map(({ query }) => [query.get('after'), query.get('types')])).toEqual([
      [null, 'updated,merged'],
      ['aaaaaaaaaaaa-2', 'updated,merged'],
    ]);
  });

  test('ends after --limit, and prints each change unchanged with --json', async () => {
    const changes = [change(1), change(2)];
    script[PATH] = JSON.stringify({ changes, next: 'aaaaaaaaaaaa-2', more: true });
    const { stdout } = await quiver('changes', '--limit', '2', '--json', '--profile', '--after', 'now');
    expect(stdout).toBe(changes.map((one) => `${JSON.stringify(one)}\n`).join(''));
    expect(Object.fromEntries(asked[0]!.query)).toMatchObject({
      limit: '2',
      include: 'profile',
      after: 'now',
    });
    expect(asked).toHaveLength(1);
  });

  test('shows the changes of one profile to the oldest, or up to --limit', async () => {
    const TIMELINE = 'GET /demo/target/profiles/changes';
    script[TIMELINE] = [
      JSON.stringify({ changes: [], end: 'oldest' }),
      JSON.stringify({ changes: [change(9)], next: 'aaaaaaaaaaaa-8', end: 'limit' }),
      JSON.stringify({ changes: [], next: 'aaaaaaaaaaaa-5.W10', end: 'bound' }),
      JSON.stringify({ changes: [change(3)], end: 'oldest' }),
    ];
    const { code, stdout, stderr } = await quiver('changes', '4c1fd1a0c6b34f2b9d0f3a5e8b7c6d21');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.match(/tntId a\d/g)).toEqual(['tntId a9', 'tntId a3']);
    expect(asked.map(({ query }) => query.has('tntId'))).toEqual([true, false, false, false]);
    expect(asked.map(({ query }) => query.has('thirdPartyId'))).toEqual([false, true, true, true]);
    expect(asked.map(({ query }) => query.get('before'))).toEqual([
      ...[null, null, 'aaaaaaaaaaaa-8', 'aaaaaaaaaaaa-5.W10'],
    ]);
    script[TIMELINE] = JSON.stringify({ changes: [change(9)], next: 'aaaaaaaaaaaa-9', end: 'limit' });
    const flags = ['--third-party', '--limit', '1', '--json', '--before', 'aaaaaaaaaaaa-10'];
    const one = await quiver('changes', 'crm-1', ...flags);
    expect(one.stdout).toBe(`${JSON.stringify(change(9))}\n`);
    expect(one.stderr).toContain('--before aaaaaaaaaaaa-9');
    script[TIMELINE] = JSON.stringify({ changes: [], end: 'oldest' });
    expect((await quiver('changes', 'crm-1', '--ecid')).stderr).toContain('no change of crm-1 is kept');
  });

  test('reports what is wrong', async () => {
    expect(await quiver('changes', 'crm-1', '--follow')).toMatchObject({ code: 2 });
    expect(await quiver('changes', '--before', 'aaaaaaaaaaaa-1')).toMatchObject({ code: 2 });
    expect(await quiver('changes', '--types', 'born')).toMatchObject({ code: 2 });
    expect(await quiver('changes', '--limit', '0')).toMatchObject({ code: 2 });
    const message = 'after: changes behind this cursor are kept no longer';
    script[PATH] = { status: 410, text: JSON.stringify({ errors: [{ message }] }) };
    expect(await quiver('changes', '--after', 'aaaaaaaaaaaa-1')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(message),
    });
  });
});

test('every command has help with examples', () => {
  const program = new Command('quiver');
  addClientCommands(program, () => {});
  const leaves = program.commands.flatMap((command) =>
    command.commands.length > 0 ? command.commands : [command],
  );
  expect(leaves.map((command) => command.name())).toEqual([
    'import',
    'export',
    'list',
    'get',
    'set',
    'delete',
    'merges',
    'unmerge',
    'access',
    'erase',
    'suppress',
    'unsuppress',
    'status',
    'secret',
    'status',
    'failures',
    'retry',
    'changes',
    'list',
    'add',
    'test',
    'pause',
    'resume',
    'secret',
    'failures',
    'redeliver',
    'remove',
    'upload',
    'list',
    'list',
    'get',
    'set',
    'check',
    'enable',
    'disable',
    'delete',
    'test',
    'new',
    'show',
    'end',
    'settings',
    'audit',
    'edges',
    'health',
    'watch',
    'record',
    'replay',
    'completion',
  ]);
  for (const command of leaves) {
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    expect(help).toContain('Examples:\n  ');
  }
});
