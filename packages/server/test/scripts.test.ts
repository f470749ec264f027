import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ADMIN_TOKEN, type InProcess, openInProcess } from './in-process.ts';
import { until } from './until.ts';

const T0 = Date.UTC(2026, 10, 1, 12);
const DAY = 86_400_000;
const ADMIN = { authorization: `Bearer ${ADMIN_TOKEN}` };
let quiver: InProcess;
let now: number;

beforeEach(async () => {
  now = T0;
  quiver = await openInProcess({}, () => now);
});
afterEach(() => quiver.close());

async function setScript(name: string, script: string, enabled = true): Promise<void> {
  const answer = await quiver.ask('PUT', `/demo/target/scripts/${name}`, {
    headers: ADMIN,
    body: { script, enabled },
  });
  expect([answer.status, answer.text]).toEqual([200, answer.text]);
}

interface Sent {
  readonly tntId?: string;
  readonly thirdPartyId?: string;
  readonly mbox?: string;
  readonly parameters?: object;
  readonly order?: object;
  readonly prefetch?: boolean;
  readonly url?: string;
}

async function visit({ tntId, thirdPartyId, mbox = 'home', parameters, order, prefetch, url }: Sent = {}) {
  const mboxes = { mboxes: [{ index: 0, name: mbox, parameters, order }] };
  const body = {
    id: { tntId, thirdPartyId },
    context: { channel: 'web', address: { url } },
    ...(prefetch ? { prefetch: mboxes } : { execute: mboxes }),
  };
  const answer = await quiver.ask('POST', '/rest/v1/delivery?sessionId=s1', { body });
  expect([answer.status, answer.text]).toEqual([200, answer.text]);
  return answer.json.id.tntId as string;
}

/** The attributes of scripts. */
async function valuesOf(path: string): Promise<Record<string, string>> {
  const all = await quiver.attributes(path);
  return Object.fromEntries((all ?? []).filter(([name]) => name.startsWith('user.')));
}

describe('the result of a script is stored with the visit', () => {
  test('as a number, a list in brackets or true as text, and numbers come back as numbers', async () => {
    await setScript('count', "return (user.get('count') || 0) + 1;");
    await setScript('kind', "return typeof user.get('count');");
    await setScript('list', "return ['a', 1, true];");
    await setScript('yes', 'return true;');
    await setScript('none', 'var a = 1;');
    const tntId = await visit();
    await visit({ tntId });
    expect(await valuesOf(tntId)).toEqual({
      'user.count': '2.0',
      'user.kind': 'number',
      'user.list': '[a, 1.0, true]',
      'user.yes': 'true',
    });
  });

  test('for frequency: visits are counted by session, which ends after 30 minutes without a call', async () => {
    await setScript('visits', "if (user.isNewSession) return (user.get('visits') || 0) + 1;");
    const tntId = await visit();
    for (const minutes of [10, 29, 29]) {
      now += minutes * 60_000;
      await visit({ tntId });
    }
    expect(await valuesOf(tntId)).toEqual({ 'user.visits': '1.0' });
    now += 31 * 60_000;
    await visit({ tntId });
    expect(await valuesOf(tntId)).toEqual({ 'user.visits': '2.0' });
  });

  test('for recency: the days since the last visit', async () => {
    await setScript(
      'recency',
      `var last = user.getLocal('last');
       user.setLocal('last', new Date().getTime());
       if (last) return Math.floor((new Date().getTime() - last) / 86400000);`,
    );
    const tntId = await visit();
    expect(await valuesOf(tntId)).toEqual({});
    now += 3 * DAY;
    await visit({ tntId });
    expect(await valuesOf(tntId)).toEqual({ 'user.recency': '3.0' });
  });

  test('for sticky groups: a visitor stays in the group drawn first, on every device', async () => {
    await setScript(
      'group',
      "if (!user.get('group')) { var r = Math.floor(Math.random() * 3); return r == 0 ? 'A' : r == 1 ? 'B' : 'C'; }",
    );
    const seen = new Set<string>();
    for (let n = 0; n < 24; n += 1) {
      const tntId = await visit({ thirdPartyId: `crm-${n}` });
      const { 'user.group': group } = await valuesOf(tntId);
      seen.add(group!);
      for (let again = 0; again < 3; again += 1)
        await visit({ thirdPartyId: `crm-${n}`, tntId: `d${n}${again}` });
      expect(await valuesOf(`thirdPartyId/crm-${n}`)).toEqual({ 'user.group': group });
    }
    expect(seen.size).toBe(3);
  });

  test('for order value: the sum of the orders', async () => {
    await setScript(
      'value',
      "if (mbox.name == 'thanks') return (user.get('value') || 0) + parseFloat(mbox.param('orderTotal'));",
    );
    const tntId = await visit();
    await visit({ tntId, mbox: 'thanks', order: { id: 'o1', total: 49.5 } });
    await visit({ tntId });
    await visit({ tntId, mbox: 'thanks', order: { id: 'o2', total: 10 } });
    expect(await valuesOf(tntId)).toEqual({ 'user.value': '59.5' });
  });

  test('for a list that grows over sessions and devices, and is merged with the profile', async () => {
    await setScript('seen', "var l = user.get('seen') || []; l.push(mbox.name); return l.slice(-3);");
    const tntId = await visit({ mbox: 'a' });
    now += DAY;
    await visit({ tntId, thirdPartyId: 'crm-1', mbox: 'b' });
    const other = await visit({ mbox: 'x' });
    await visit({ tntId: other, thirdPartyId: 'crm-1', mbox: 'c' });
    for (const path of [tntId, other, 'thirdPartyId/crm-1']) {
      expect(await valuesOf(path)).toEqual({ 'user.seen': '[a, b, c]' });
    }
  });

  test('for page, landing page and referrer', async () => {
    await setScript(
      'region',
      "return page.param('region') + ' ' + page.domain + ' ' + landing.param('region');",
    );
    const tntId = await visit({ url: 'https://shop.example/a?region=n%C3%B6rd&x' });
    await visit({ tntId, url: 'http://other.example:81/?region=south#?region=x' });
    expect(await valuesOf(tntId)).toEqual({ 'user.region': 'south other.example nörd' });
  });

  test('but not for a prefetch, while a notification stores', async () => {
    await setScript('count', "return (user.get('count') || 0) + 1;");
    const tntId = await visit({ prefetch: true });
    expect(await valuesOf(tntId)).toEqual({});
    const body = {
      id: { tntId },
      context: { channel: 'web' },
      notifications: [{ id: 'n', type: 'display', timestamp: now, mbox: { name: 'home' } }],
    };
    await quiver.ask('POST', '/rest/v1/delivery?sessionId=s1', { body });
    expect(await valuesOf(tntId)).toEqual({ 'user.count': '1.0' });
    const answer = await quiver.ask('GET', '/demo/target/scripts/count', { headers: ADMIN });
    expect(answer.json).toMatchObject({ state: 'active', runs: 2, errors: 0 });
  });

  test('without loss when many visits of one visitor arrive at once', async () => {
    await setScript('count', "return (user.get('count') || 0) + 1;");
    const tntId = await visit({ thirdPartyId: 'crm-1' });
    const ids = Array.from({ length: 30 }, (_, n) => (n % 2 ? { tntId } : { thirdPartyId: 'crm-1' }));
    await Promise.all(ids.map((id) => visit(id)));
    expect(await valuesOf(tntId)).toEqual({ 'user.count': '31.0' });
  });

  test('until the profile expires, and its locals too', async () => {
    await setScript('count', "user.setLocal('n', (user.getLocal('n') || 0) + 1); return user.getLocal('n');");
    const tntId = await visit({ tntId: 'device' });
    await visit({ tntId });
    expect(await valuesOf(tntId)).toEqual({ 'user.count': '2.0' });
    now += 15 * DAY;
    await visit({ tntId });
    expect(await valuesOf(tntId)).toEqual({ 'user.count': '1.0' });
  });

  test('and no other channel sets such a value', async () => {
    await setScript('tier', "return 'gold';");
    const tntId = await visit();
    await quiver.ask('GET', `/m2/demo/profile/update?mboxPC=${tntId}&profile.user.tier=forged`);
    const body = {
      id: { tntId },
      context: { channel: 'web' },
      execute: { mboxes: [{ name: 'a', profileParameters: { 'user.tier': 'forged' } }] },
    };
    const answer = await quiver.ask('POST', '/rest/v1/delivery?sessionId=s1', { body });
    expect(answer.status).toBe(400);
    expect(await valuesOf(tntId)).toEqual({ 'user.tier': 'gold' });
  });
});

describe('a failing script is disabled, and the visit continues', () => {
  const FAILING: readonly (readonly [what: string, script: string, reason: RegExp])[] = [
    ['an undefined variable', '\nreturn nothing.at;', /line 2: ReferenceError/],
    ['an object', 'return { a: 1 };', /^line 1: TypeError: a value must be a text/],
    ['a function', 'var f = function () {};\nreturn f;', /^line 2: TypeError: a value must be a text/],
    ['too long a value', "\n\nreturn 'x'.repeat(2049);", /^line 3: .* at most 2048 characters/],
    [
      'the value of one of several returns',
      'function own() { return 1; }\nif (own() > 1) return 2; else\nreturn own(), ({ a: 1 }) // no semicolon\n',
      /^line 3: TypeError: a value must be a text/,
    ],
    [
      'a value that throws when it is read',
      'var bad = { valueOf: function () {\nthrow 1; } };\nreturn bad;',
      /^line 3: 1$/,
    ],
    ['too many instructions', 'for (var i = 0; i < 5000; i++);', /more than 2000 instructions/],
    ['an endless loop', 'for (;;);', /more than 2000 instructions/],
    ['code out of text', "return eval('1');", /eval/],
    [
      'a constructor of code',
      "return (function () {}).constructor('return 1')();",
      /not a function|undefined/,
    ],
  ];
  test.each(FAILING)('for %s', async (_, script, reason) => {
    await setScript('bad', script);
    await setScript('good', "return 'good';");
    const tntId = await visit();
    expect(await valuesOf(tntId)).toEqual({ 'user.good': 'good' });
    const look = () => quiver.ask('GET', '/demo/target/scripts/bad', { headers: ADMIN });
    await until('the script is switched off', async () => (await look()).json.state === 'disabled');
    const { json } = await look();
    expect(json.reason).toMatch(reason);
    expect(json).toMatchObject({ enabled: true, runs: 1, errors: 1, lastError: { message: json.reason } });
    await setScript('bad', "return 'mended';");
    await visit({ tntId });
    expect(await valuesOf(tntId)).toEqual({ 'user.good': 'good', 'user.bad': 'mended' });
  });

  test('but NaN is just not stored', async () => {
    await setScript('bad', "return parseInt(mbox.param('none'));");
    const tntId = await visit();
    expect(await valuesOf(tntId)).toEqual({});
    const { json } = await quiver.ask('GET', '/demo/target/scripts/bad', { headers: ADMIN });
    expect(json.state).toBe('active');
  });
});

describe('one visitor cannot leave anything for the next', () => {
  test.each([
    ['a global', "if (typeof leak !== 'undefined') return leak; leak = mbox.name;"],
    ['this', 'var w = this; if (w.leak) return w.leak; w.leak = mbox.name;'],
    ['a prototype', 'if ([].leak) return [].leak; Array.prototype.leak = mbox.name;'],
    [
      'the function itself',
      'if (arguments.callee.leak) return arguments.callee.leak; arguments.callee.leak = mbox.name;',
    ],
    [
      'a given object',
      "if (user.leak || crs.leak || profile.leak) return 'leak'; user.leak = crs.leak = profile.leak = 1;",
    ],
    [
      'a prototype of a hidden object',
      'var p = Object.getPrototypeOf([][Symbol.iterator]()); if (p.leak) return p.leak; p.leak = 1;',
    ],
  ])('through %s', async (_, script) => {
    await setScript('leak', script);
    for (const mbox of ['first', 'second', 'third']) {
      expect(await valuesOf(await visit({ mbox }))).toEqual({});
    }
  });
});

describe('the Admin API for scripts', () => {
  const REFUSED: readonly (readonly [what: string, name: string, body: unknown, message: string])[] = [
    ['what does not compile', 'a', { script: 'var a = 1;\nreturn +;' }, 'script: line 2: Unexpected token'],
    [
      'a way out of the function',
      'a',
      { script: '} } }).run; leak = 1; ({ run() { {' },
      'script: line 1: Unexpected token',
    ],
    [
      'a function returned',
      'a',
      { script: '\nreturn function () {};' },
      'script: line 2: a script must return',
    ],
    ['an import', 'a', { script: "import('fs');" }, 'script: line 1: a script cannot import'],
    ['an async function', 'a', { script: 'async function f() {}' }, 'script: line 1: a script cannot wait'],
    ['too deep', 'a', { script: '['.repeat(9000) }, 'script: '],
    ['too much code', 'a', { script: `${' '.repeat(9999)}a;` }, 'script: must have at most 10000 characters'],
    ['no code', 'a', { script: ' ' }, 'script: must not be empty'],
    ['no script', 'a', {}, 'script: must be a string'],
    ['a wrong kind', 'a', { script: 'return 1;', enabled: 'yes' }, 'enabled: must be true or false'],
    ['an unknown member', 'a', { script: 'return 1;', enable: true }, 'enable: is unknown'],
    ['too long a name', 'a'.repeat(51), { script: 'return 1;' }, 'name: must have 1 to 50 characters'],
    ['a dot in the name', 'a.b', { script: 'return 1;' }, 'name: must have letters'],
    ['a built-in name', 'browser', { script: 'return 1;' }, 'name: is the name of a built-in'],
  ];
  test.each(REFUSED)('refuses %s and changes nothing', async (_, name, body, message) => {
    const answer = await quiver.ask('PUT', `/demo/target/scripts/${name}`, { headers: ADMIN, body });
    expect(answer.status).toBe(400);
    expect(answer.json.errors[0].message).toContain(message);
    const list = await quiver.ask('GET', '/demo/target/scripts', { headers: ADMIN });
    expect(list.json).toEqual({ scripts: [] });
  });

  test('sets, lists, disables and deletes, while stored values stay', async () => {
    await setScript('tier', "return 'gold';");
    const tntId = await visit();
    await setScript('tier', "return 'silver';", false);
    await visit({ tntId });
    expect(await valuesOf(tntId)).toEqual({ 'user.tier': 'gold' });
    const list = await quiver.ask('GET', '/demo/target/scripts', { headers: ADMIN });
    expect(list.json.scripts).toMatchObject([
      { name: 'tier', script: "return 'silver';", state: 'off', runs: 1 },
    ]);
    const gone = await quiver.ask('DELETE', '/demo/target/scripts/tier', { headers: ADMIN });
    expect(gone.status).toBe(204);
    const again = await quiver.ask('DELETE', '/demo/target/scripts/tier', { headers: ADMIN });
    expect(again.status).toBe(404);
    expect((await quiver.ask('GET', '/demo/target/scripts/tier', { headers: ADMIN })).status).toBe(404);
    await visit({ tntId });
    expect(await valuesOf(tntId)).toEqual({ 'user.tier': 'gold' });
  });

  test('tests a script on a profile and stores nothing', async () => {
    await setScript('count', "return (user.get('count') || 0) + 1;");
    const tntId = await visit();
    const test = (body: object) =>
      quiver.ask('POST', '/demo/target/scripts/count/test', { headers: ADMIN, body });
    expect((await test({ id: { tntId } })).json).toMatchObject({
      value: 2,
      instructions: expect.any(Number),
    });
    expect((await test({})).json).toMatchObject({ value: 1 });
    const named = await test({
      script: "return mbox.name + mbox.param('a');",
      mbox: 'm',
      parameters: { a: 'x' },
    });
    expect(named.json).toMatchObject({ value: 'mx' });
    expect((await test({ script: 'return nothing;' })).json.error).toMatch(/line 1: ReferenceError/);
    expect((await test({ script: 'return' + '(' })).status).toBe(400);
    expect((await test({ id: { tntId: 'unknown' } })).status).toBe(404);
    expect(await valuesOf(tntId)).toEqual({ 'user.count': '1.0' });
  });

  test('a trace shows each script with value, time and instructions', async () => {
    await setScript('tier', "return 'gold';");
    await setScript('bad', 'return nothing;');
    const made = await quiver.ask('POST', '/demo/target/authentication/token?scope=debug_tools', {
      headers: ADMIN,
    });
    const body = {
      context: { channel: 'web' },
      trace: { authorizationToken: made.json.accessToken },
      execute: { mboxes: [{ index: 0, name: 'home' }] },
    };
    const { json } = await quiver.ask('POST', '/rest/v1/delivery?sessionId=s1', { body });
    expect(json.trace.profileScripts).toEqual([
      {
        ...{ name: 'bad', mbox: 'home', stored: false, error: expect.stringContaining('ReferenceError') },
        ...{ milliseconds: expect.any(Number), instructions: expect.any(Number) },
      },
      {
        ...{ name: 'tier', mbox: 'home', stored: true, value: 'gold' },
        ...{ milliseconds: expect.any(Number), instructions: expect.any(Number) },
      },
    ]);
    expect(json.trace.profile.before).toBe(null);
    expect(json.trace.profile.after.profileAttributes['user.tier'].value).toBe('gold');
  });

  test('a client may have 300 scripts, and one more is refused', async () => {
    const { scripts } = quiver.stores;
    await Promise.all(
      Array.from({ length: 300 }, (_, n) =>
        scripts.change('demo', `s${n}`, () => ({
          ...{ name: `s${n}`, source: `return ${n};`, isEnabled: true, changedAt: now },
        })),
      ),
    );
    const tntId = await visit();
    expect(Object.keys(await valuesOf(tntId))).toHaveLength(300);
    const body = { script: 'return 1;' };
    const more = await quiver.ask('PUT', '/demo/target/scripts/more', { headers: ADMIN, body });
    expect(more.json.errors[0].message).toBe('enabled: a client may have at most 300 active scripts');
    await setScript('more', 'return 1;', false);
  });
});
