-- Removes parts of a file.
--
-- KEYS: as of keep-parts.lua.
-- ARGV: none.
-- Returns done.

redis.call('SET', KEYS[1], '1', 'PX', 1000)
for i = 2, #KEYS do redis.call('DEL', KEYS[i]) end
return { 'done' }
