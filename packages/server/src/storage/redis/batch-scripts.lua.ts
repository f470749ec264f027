/**
 * The Lua scripts of batches; what lies where is in `redis-batch-store.ts` and `redis-batch-files.ts`. A reply begins with a status; `done` alone
 * says that something was written, or was before. A call that comes twice writes something all the same, so that the WAIT behind it
 * covers the earlier write too.
 */

import { script } from './script.ts';

/**
 * Makes of a batch what it shall be, if it is as it was read.
 *
 * KEYS: batches, queue, turns, lease, failures of the batch, where the operation is noted. ARGV: how long the note is kept, turn, batch as it
 * was ('' absent), as it shall be, id of a new batch or '', '1' when it leaves the queue, lease as it was ('' any), as it shall be, then line,
 * failed row, … Returns done | changed.
 */
export const changeBatch = script(`
local batches, queue, turns, lease, failures, note = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
if redis.call('EXISTS', note) == 1 then
  redis.call('PEXPIRE', note, ARGV[1])
  return { 'done' }
end
local turn = ARGV[2]
if (redis.call('HGET', batches, turn) or '') ~= ARGV[3] then return { 'changed' } end
if ARGV[7] ~= '' and redis.call('GET', lease) ~= ARGV[7] then return { 'changed' } end
redis.call('HSET', batches, turn, ARGV[4])
if ARGV[5] ~= '' then
  redis.call('HSET', batches, 'last', turn, '#' .. ARGV[5], turn)
  redis.call('ZADD', queue, turn, turn)
  redis.call('ZADD', turns, turn, turn)
end
if ARGV[6] == '1' then redis.call('ZREM', queue, turn) end
if ARGV[7] ~= '' then redis.call('SET', lease, ARGV[8], 'PX', 600000) end
for i = 9, #ARGV, 2 do redis.call('ZADD', failures, ARGV[i], ARGV[i + 1]) end
redis.call('SET', note, '1', 'PX', ARGV[1])
return { 'done' }
`);

/**
 * Takes, prolongs or gives back the lease of a queue, if it is as it was read.
 *
 * KEYS[1] the lease. ARGV: as it was ('' absent), as it shall be ('' to give it back). Returns done | changed.
 */
export const changeLease = script(`
local lease = redis.call('GET', KEYS[1]) or ''
if lease ~= ARGV[1] and lease ~= ARGV[2] then return { 'changed' } end
redis.call('SET', KEYS[1], ARGV[2], 'PX', 600000)
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) end
return { 'done' }
`);

/**
 * Removes some failed rows of a batch, and the batch with the last of them.
 *
 * KEYS: batches, turns, failures of the batch, where the operation is noted. ARGV: how long the note is kept, turn, id, batch that is leaving,
 * how many may be removed. Returns done, how many were removed, '1' when nothing is left.
 */
export const expireBatch = script(`
local batches, turns, failures, note = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local seen = redis.call('HMGET', note, 'count', 'gone')
if seen[1] then
  redis.call('PEXPIRE', note, ARGV[1])
  return { 'done', seen[1], seen[2] }
end
-- The id may have come back meanwhile.
local id = '#' .. ARGV[3]
if redis.call('HGET', batches, id) == ARGV[2] then redis.call('HDEL', batches, id) end
local room = tonumber(ARGV[5])
local count = redis.call('ZREMRANGEBYRANK', failures, 0, room - 1)
local gone = '0'
if count < room then
  redis.call('HDEL', batches, ARGV[2])
  redis.call('ZREM', turns, ARGV[2])
  count = count + 1
  gone = '1'
else
  redis.call('HSET', batches, ARGV[2], ARGV[4])
end
redis.call('HSET', note, 'count', count, 'gone', gone)
redis.call('PEXPIRE', note, ARGV[1])
return { 'done', count, gone }
`);

/** Writes a part of a file that is being received. KEYS[1] the part. ARGV: bytes, milliseconds to live. Returns done. */
export const writePart = script(`
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return { 'done' }
`);

/** Lets the parts of a file live on, all or none. KEYS: as of `removeParts`. Returns done | missing. */
export const keepParts = script(`
for i = 2, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 0 then return { 'missing' } end
end
redis.call('SET', KEYS[1], '1', 'PX', 1000)
for i = 2, #KEYS do redis.call('PERSIST', KEYS[i]) end
return { 'done' }
`);

/** Removes parts of a file. KEYS: the parts, and first where a trace is left that something was written. Returns done. */
export const removeParts = script(`
redis.call('SET', KEYS[1], '1', 'PX', 1000)
for i = 2, #KEYS do redis.call('DEL', KEYS[i]) end
return { 'done' }
`);

/** Notes where the file of a batch lies, or forgets it. KEYS[1] the files. ARGV: batch, where ('' to forget). Returns done. */
export const noteFile = script(`
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if ARGV[2] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) end
return { 'done' }
`);
