/**
 * Every repeating timer takes 12 ms longer, as on a busy machine: enough time for others to write
 * and get their acknowledgement between what the timer reads and the requests of the same turn of
 * the event loop. By itself this must break nothing.
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
