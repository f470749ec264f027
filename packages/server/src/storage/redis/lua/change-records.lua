-- Changes several small records of an owner, if one of them is still as it was read.
--
-- KEYS: as of replace-record.lua.
-- ARGV: how long the note is kept (ms), the key that is compared and the value that was read, then
-- key, new value, … A value is '=' and its text; '' is no record.
-- Returns done | changed.

local records, order, note = KEYS[1], KEYS[2], KEYS[4]
if redis.call('EXISTS', note) == 1 then
  redis.call('PEXPIRE', note, ARGV[1])
  return { 'done' }
end
local there = redis.call('HGET', records, ARGV[2])
if (there and '=' .. there or '') ~= ARGV[3] then return { 'changed' } end
-- What frees memory comes first, as in replace-record.lua.
for i = 4, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', records, ARGV[i])
    redis.call('ZREM', order, ARGV[i])
  end
end
for i = 4, #ARGV, 2 do
  if ARGV[i + 1] ~= '' then
    redis.call('HSET', records, ARGV[i], string.sub(ARGV[i + 1], 2))
    redis.call('ZADD', order, 0, ARGV[i])
  end
end
redis.call('SET', note, '1', 'PX', ARGV[1])
return { 'done' }
