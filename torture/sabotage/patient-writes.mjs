/** Writes wait for the engine without limit. */

const LIMIT_MS = 5000;
const { setTimeout } = globalThis;

globalThis.setTimeout = (callback, ms, ...rest) =>
  setTimeout(ms > 0.9 * LIMIT_MS && ms <= LIMIT_MS ? () => {} : callback, ms, ...rest);
