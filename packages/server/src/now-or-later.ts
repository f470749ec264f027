/**
 * Values that are known now or only later.
 *
 * Most fetches find everything in memory. Awaiting a promise anyway would cost each of them several
 * turns of the microtask queue, so the hot paths work on plain values as long as they can.
 */

/** A value, or a promise of one. */
export type NowOrLater<Value> = Value | Promise<Value>;

/**
 * Whether a value comes later. The five steps of every fetch ask this before they call
 * {@link whenKnown}, so that the engine can inline the step that follows. `whenKnown` itself calls
 * a different function at each place, which made a fetch 4 % slower (`bench/notes/house.md`).
 */
export function isLater<Value>(value: NowOrLater<Value>): value is Promise<Value> {
  return value instanceof Promise;
}

/**
 * Continues with a value: at once when it is known, otherwise when its promise is fulfilled.
 *
 * `next` receives `one` and `two` after the value. Passing them here instead of closing over them
 * saves hot paths an object per request.
 */
export function whenKnown<Value, Next, One = undefined, Two = undefined>(
  value: NowOrLater<Value>,
  next: (value: Value, one: One, two: Two) => Promise<Next>,
  one?: One,
  two?: Two,
): Promise<Next>;
export function whenKnown<Value, Next, One = undefined, Two = undefined>(
  value: NowOrLater<Value>,
  next: (value: Value, one: One, two: Two) => NowOrLater<Next>,
  one?: One,
  two?: Two,
): NowOrLater<Next>;
export function whenKnown<Value, Next, One, Two>(
  value: NowOrLater<Value>,
  next: (value: Value, one: One, two: Two) => NowOrLater<Next>,
  one: One,
  two: Two,
): NowOrLater<Next> {
  return isLater(value) ? value.then((known) => next(known, one, two)) : next(value, one, two);
}

/**
 * Handles the rejection of a promise, with `one` as in {@link whenKnown}; a known value passes
 * through.
 */
export function recovered<Value, One = undefined>(
  value: NowOrLater<Value>,
  failed: (reason: unknown, one: One) => NowOrLater<Value>,
  one?: One,
): NowOrLater<Value>;
export function recovered<Value, One>(
  value: NowOrLater<Value>,
  failed: (reason: unknown, one: One) => NowOrLater<Value>,
  one: One,
): NowOrLater<Value> {
  return isLater(value) ? value.catch((reason: unknown) => failed(reason, one)) : value;
}
