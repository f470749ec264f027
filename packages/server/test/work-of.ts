/**
 * Counts the work of a piece of code, so that a test can say how it grows without a clock. Only
 * Node has such counts.
 */

import { Session } from 'node:inspector/promises';

/** Functions of the runtime that process bytes, which no count of JavaScript includes. */
const OVER_BYTES = [
  'set',
  'fill',
  'copy',
  'indexOf',
  'lastIndexOf',
  'toString',
  'slice',
  'utf8Slice',
  'latin1Slice',
];

/**
 * How often blocks of Quiver's code were run, plus how many bytes the runtime's functions
 * processed.
 *
 * @param run is run once, and must be synchronous
 */
export async function workOf(run: () => void): Promise<number> {
  const session = new Session();
  session.connect();
  const bytes = countBytes();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
    run();
    const { result } = await session.post('Profiler.takePreciseCoverage');
    const ours = result.filter(({ url }) => url.includes('/packages/server/src/'));
    const ranges = ours.flatMap(({ functions }) => functions.flatMap((one) => one.ranges));
    return ranges.reduce((sum, { count }) => sum + count, 0) + bytes.total;
  } finally {
    bytes.stop();
    session.disconnect();
  }
}

/** Wraps the runtime's functions; `total` is the number of bytes they processed. */
function countBytes(): { readonly total: number; stop(): void } {
  let total = 0;
  const undo: (() => void)[] = [];
  const wrap = (owner: object, name: string, size: (self: Uint8Array, args: unknown[]) => number) => {
    const kept = Object.getOwnPropertyDescriptor(owner, name);
    if (typeof kept?.value !== 'function') return;
    const original = kept.value as (...args: unknown[]) => unknown;
    Object.defineProperty(owner, name, {
      ...kept,
      value(this: Uint8Array, ...args: unknown[]) {
        total += size(this, args);
        return original.apply(this, args);
      },
    });
    undo.push(() => Object.defineProperty(owner, name, kept));
  };
  const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
  for (const owner of [typedArray, Uint8Array.prototype, Buffer.prototype]) {
    for (const name of OVER_BYTES) {
      wrap(owner, name, (self, [source]) =>
        name === 'set' ? ((source as Uint8Array).length ?? 0) : self.length,
      );
    }
  }
  wrap(Buffer, 'concat', (_, [parts]) => (parts as Uint8Array[]).reduce((sum, part) => sum + part.length, 0));
  return {
    get total() {
      return total;
    },
    stop() {
      for (const one of undo) one();
    },
  };
}
