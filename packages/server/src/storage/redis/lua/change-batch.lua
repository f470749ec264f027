-- Replaces the record of a batch if it is still as it was read; also accepts new batches.
--
-- KEYS: batches, queue, turns, lease, failures of the batch, where the operation is noted.
-- ARGV: how long the note is kept (ms), turn of the batch, batch as it was read ('' for none), the
-- new batch, id of a new batch or '', '1' when it leaves the queue, lease as it was read ('' for
-- any), the new lease, then line and failed row, …
-- Returns done | changed.

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
