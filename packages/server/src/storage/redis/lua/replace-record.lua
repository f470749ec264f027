-- Replaces a small record that is still as it was read.
--
-- KEYS: records of the owner (hash), their keys in order, when they are due, where the operation is
-- noted.
-- ARGV: how long the note is kept (ms), key, the value that was read, the new value, how many
-- records the owner may have (0: any number), how long a record is kept (ms; 0: forever). A value
-- is '=' and its text; '' is no record.
-- Returns done | changed | full.

-- include record-lifetime.lua

local records, order, due, note = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local key, read, new = ARGV[2], ARGV[3], ARGV[4]
local most, kept = tonumber(ARGV[5]), tonumber(ARGV[6])
if redis.call('EXISTS', note) == 1 then
  redis.call('PEXPIRE', note, ARGV[1])
  return { 'done' }
end
local there = redis.call('HGET', records, key)
if (there and '=' .. there or '') ~= read then return { 'changed' } end
-- What frees memory comes first: it is allowed at maxmemory, and so is what follows it in the
-- script.
if new == '' then
  redis.call('HDEL', records, key)
  redis.call('ZREM', order, key)
  redis.call('ZREM', due, key)
end
if kept > 0 then sweep(records, order, due) end
if new ~= '' then
  if read == '' and most > 0 and redis.call('ZCARD', order) >= most then return { 'full' } end
  put(records, order, due, key, string.sub(new, 2), kept)
end
if kept > 0 then live_on(records, order, due, kept) end
redis.call('SET', note, '1', 'PX', ARGV[1])
return { 'done' }
