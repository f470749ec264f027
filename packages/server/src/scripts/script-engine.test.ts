import { beforeAll, expect, test } from 'vitest';
import { ScriptEngine } from './script-engine.ts';
import { isRead, readSource } from './script-source.ts';

let engine: ScriptEngine;
beforeAll(async () => {
  engine = await ScriptEngine.load();
});

/** Ways by which a script could leave something of one visitor for the next. */
const LEAKS: readonly string[] = [
  'if ([].leak) return [].leak; Array.prototype.leak = mbox.name;',
  'var p = Object.getPrototypeOf([][Symbol.iterator]()); if (p.leak) return p.leak; p.leak = mbox.name;',
  'if (Math.leak) return Math.leak; Math.leak = mbox.name;',
  'if (arguments.callee.leak) return arguments.callee.leak; arguments.callee.leak = mbox.name;',
];

/** What a script returns for the second of two visitors in one context. */
function forTheSecond(source: string, isLeaky: boolean): unknown {
  const read = readSource(source);
  if (!isRead(read)) throw new Error(read.rule);
  const context = engine.context([{ name: 'leak', code: read.code }], () => {}, isLeaky);
  const job = (mbox: string) => ({
    ...{ now: 0, seed: 7, attributes: {}, headers: [], customer: [], user: {}, profile: {}, page: '' },
    ...{ landing: '', referrer: '', values: {}, locals: {}, prefetched: [] },
    executed: [{ name: mbox, parameters: [] }],
  });
  try {
    const run = (mbox: string) =>
      context.run({ json: JSON.stringify(job(mbox)), scripts: [0], isWatched: false }).values.leak;
    run('first');
    return run('second');
  } finally {
    context.dispose();
  }
}

test.each(LEAKS)('one visitor cannot leave anything for the next by: %s', (source) => {
  expect(forTheSecond(source, false)).toBeUndefined();
});

test('the check detects a leak where nothing is frozen', () => {
  expect(LEAKS.map((source) => forTheSecond(source, true))).toEqual(LEAKS.map(() => 'first'));
});
