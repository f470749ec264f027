/**
 * Every timer that comes round again takes 12 ms more, as on a busy machine: time enough for others
 * to write, and to be told so, between what the timer reads and the requests of the same turn of
 * the event loop. On its own it must break nothing.
 */

const PAUSE_MS = 12;
const { setInterval } = globalThis;

globalThis.setInterval = (callback, ...rest) => {
  const slowly = (...args) => {
    callback(...args);
    for (const end = performance.now() + PAUSE_MS; performance.now() < end; );
  };
  return setInterval(slowly, ...rest);
};
