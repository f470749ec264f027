-- Adds small records whose keys the owner does not have, as long as there is room.
--
-- KEYS: as of replace-record.lua.
-- ARGV: how long the note is kept (ms), how many records the owner may have (0: any number), how
-- long a record is kept (ms; 0: forever), then key, value, …
-- Returns done and how many were added.

-- include record-lifetime.lua

local records, order, due, note = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local most, kept = tonumber(ARGV[2]), tonumber(ARGV[3])
local before = redis.call('GET', note)
if before then
  redis.call('PEXPIRE', note, ARGV[1])
  return { 'done', before }
end
if kept > 0 then sweep(records, order, due) end
local room = most > 0 and most - redis.call('ZCARD', order) or math.huge
local added = 0
for i = 4, #ARGV, 2 do
  if added >= room then break end
  if redis.call('HEXISTS', records, ARGV[i]) == 0 then
    put(records, order, due, ARGV[i], ARGV[i + 1], kept)
    added = added + 1
  end
end
if kept > 0 then live_on(records, order, due, kept) end
redis.call('SET', note, added, 'PX', ARGV[1])
return { 'done', tostring(added) }
