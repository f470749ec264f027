-- Removes some failed rows of a batch, and the batch with the last of them.
--
-- KEYS: batches, turns, failures of the batch, where the operation is noted.
-- ARGV: how long the note is kept (ms), turn and id of the batch, the batch marked as leaving, how
-- many rows to remove at most.
-- Returns done, how many were removed, '1' when nothing is left.

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
