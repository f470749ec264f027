-- Removes small records by a range of their keys.
--
-- KEYS: as of replace-record.lua.
-- ARGV: how long the note is kept (ms), start and end of the range (as of ZRANGEBYLEX), how many at
-- most.
-- Returns done and how many were removed.

local records, order, due, note = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local before = redis.call('GET', note)
if before then
  redis.call('PEXPIRE', note, ARGV[1])
  return { 'done', before }
end
local keys = redis.call('ZRANGEBYLEX', order, ARGV[2], ARGV[3], 'LIMIT', 0, ARGV[4])
for _, key in ipairs(keys) do
  redis.call('HDEL', records, key)
  redis.call('ZREM', order, key)
  redis.call('ZREM', due, key)
end
redis.call('SET', note, #keys, 'PX', ARGV[1])
return { 'done', tostring(#keys) }
