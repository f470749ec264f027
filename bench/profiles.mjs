/**
 * The profiles of a benchmark, the same for all contenders: ten attributes each, about 900 bytes in
 * a fetch.
 */

/** The four parts of an id: its number times these, modulo 2^32, each as eight hex digits. */
const FACTORS = [2654435761, 805459861, 374761393, 668265263];

/** The id of a profile by its number: 32 unordered hex digits, like a tntId. */
export function idOf(number) {
  return FACTORS.map((factor) => ((number * factor) % 4294967296).toString(16).padStart(8, '0')).join('');
}

/** The same in Lua, for wrk: an expression for the id of profile `number`. */
export function luaId(number) {
  const parts = FACTORS.map((factor) => `(n * ${factor}) % 4294967296`);
  return `(function(n) return string.format("%08x%08x%08x%08x", ${parts.join(', ')}) end)(${number})`;
}

export const NAMES = Array.from({ length: 10 }, (_, n) => `attribute${n}`);
export const VALUES = NAMES.map((_, n) => `value ${n} of it`);
/** The time beside each value for contenders that do not set it themselves. */
export const TIME = '2026-08-18T17:53:39.003+00:00';

/** Batch files, each small enough for one upload, that create `count` profiles. */
export function* batches(count, perFile = 200_000) {
  const cells = VALUES.join(',').replaceAll(' ', '+');
  for (let first = 0; first < count; first += perFile) {
    const lines = [`batch=pcId,${NAMES.join(',')}`];
    for (let n = first; n < Math.min(count, first + perFile); n += 1) lines.push(`${idOf(n)},${cells}`);
    yield `${lines.join('\n')}\n`;
  }
}

/** The same as {@link redisCommands}, by the number of the node that has the key: `nodeOf(key)`. */
export function redisCommandsByNode(count, nodeOf) {
  const parts = new Map();
  let n = 0;
  for (const piece of redisCommands(count, 1)) {
    const node = nodeOf(`p:${idOf(n)}`);
    if (!parts.has(node)) parts.set(node, []);
    parts.get(node).push(piece);
    n += 1;
  }
  return parts;
}

/** One hash per profile in the Redis protocol, in pieces of so many. */
export function* redisCommands(count, perPiece) {
  const word = (text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
  const fields = NAMES.map(
    (name, n) => word(name) + word(JSON.stringify({ value: VALUES[n], modifiedAt: TIME })),
  );
  const head = `*${2 + 2 * NAMES.length}\r\n${word('HSET')}`;
  const tail = fields.join('');
  yield* inPieces(count, (n) => head + word(`p:${idOf(n)}`) + tail, perPiece);
}

/** One row per profile for COPY, in pieces. */
export function* postgresRows(count) {
  const attributes = JSON.stringify(
    Object.fromEntries(NAMES.map((name, n) => [name, { value: VALUES[n], modifiedAt: TIME }])),
  );
  yield* inPieces(count, (n) => `${idOf(n)}\t${attributes}\n`);
}

function* inPieces(count, pieceOf, perPiece = 10_000) {
  for (let first = 0; first < count; first += perPiece) {
    let text = '';
    for (let n = first; n < Math.min(count, first + perPiece); n += 1) text += pieceOf(n);
    yield text;
  }
}
