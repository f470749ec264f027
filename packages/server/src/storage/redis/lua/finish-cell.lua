-- Ends a transaction at a cell that it prepared. Does nothing when the cell has no such intent any
-- more.
--
-- KEYS: the cell.
-- ARGV: intent (JSON), '1' committed or '0' revoked, new version.
-- Returns done.

-- include cell-prelude.lua

local cell = KEYS[1]
if redis.call('HGET', cell, 't') ~= ARGV[1] then touch(cell) return { 'done' } end
local at = redis.call('HGET', cell, 'e')
if ARGV[2] == '1' then
  at = apply(cell, cmsgpack.unpack(redis.call('HGET', cell, 'n')), ARGV[3])
end
redis.call('HDEL', cell, 't', 'n')
if at then expire(cell, at) else redis.call('PEXPIRE', cell, OPERATION_KEPT_MS) end
return { 'done' }
