-- Counts the profiles of a node, one page of keys with each call.
--
-- KEYS: none; it looks at all keys of the node.
-- ARGV: cursor, pattern of the keys, how many keys to look at.
-- Returns done, the next cursor, how many profiles.

local page = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3], 'TYPE', 'hash')
local count = 0
for _, cell in ipairs(page[2]) do
  if redis.call('HEXISTS', cell, 'g') == 1 then count = count + 1 end
end
return { 'done', page[1], count }
