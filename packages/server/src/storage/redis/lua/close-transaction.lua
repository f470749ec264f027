-- Records that a transaction is completely finished.
--
-- KEYS: the cell where it committed.
-- ARGV: transaction id.
-- Returns done.

-- include cell-prelude.lua

local cell = KEYS[1]
if redis.call('HDEL', cell, 'p' .. ARGV[1]) == 1 then
  redis.call('HDEL', cell, 'h')
  local at = redis.call('HGET', cell, 'e')
  if at then expire(cell, at) end
else
  touch(cell)
end
return { 'done' }
