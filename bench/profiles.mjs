/** The profiles of a benchmark: ten attributes each, about 900 bytes as a fetch sends them, the same for everybody. */

/** The id of a profile by its number; spread, so that neighbours do not lie side by side. */
export function idOf(number) {
  return `${((number * 2654435761) % 4294967296).toString(16).padStart(8, '0')}${'0'.repeat(24)}`;
}

/** The same in Lua, for wrk: an expression for the id of profile `number`. */
export function luaId(number) {
  return `(string.format("%08x", (${number} * 2654435761) % 4294967296) .. string.rep("0", 24))`;
}

export const NAMES = Array.from({ length: 10 }, (_, n) => `attribute${n}`);
export const VALUES = NAMES.map((_, n) => `value ${n} of it`);
/** What stands beside each value where there is no Quiver to note it. */
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

/** One hash a profile in Redis' own protocol, in pieces. */
export function* redisCommands(count) {
  const word = (text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
  const fields = NAMES.map(
    (name, n) => word(name) + word(JSON.stringify({ value: VALUES[n], modifiedAt: TIME })),
  );
  const head = `*${2 + 2 * NAMES.length}\r\n${word('HSET')}`;
  const tail = fields.join('');
  yield* inPieces(count, (n) => head + word(`p:${idOf(n)}`) + tail);
}

/** One row a profile for COPY, in pieces. */
export function* postgresRows(count) {
  const attributes = JSON.stringify(
    Object.fromEntries(NAMES.map((name, n) => [name, { value: VALUES[n], modifiedAt: TIME }])),
  );
  yield* inPieces(count, (n) => `${idOf(n)}\t${attributes}\n`);
}

function* inPieces(count, pieceOf) {
  for (let first = 0; first < count; first += 10_000) {
    let text = '';
    for (let n = first; n < Math.min(count, first + 10_000); n += 1) text += pieceOf(n);
    yield text;
  }
}
