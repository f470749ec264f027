-- Ends a transaction at a cell that it prepared. Does nothing if the cell no longer has this
-- intent.
--
-- KEYS: the cell.
-- ARGV: intent (JSON), '1' committed or '0' revoked, new version.
-- Returns done.

-- include cell-prelude.lua

local cell = KEYS[1]
local before = redis.call('HMGET', cell, 'v', 'o', 'e', 't', 'n')
if before[4] ~= ARGV[1] then touch(cell) return { 'done' } end
local at = before[3]
if ARGV[2] == '1' then at = apply(cell, cmsgpack.unpack(before[5]), 0, ARGV[3], now(), before) end
redis.call('HDEL', cell, 't', 'n')
if at then expire(cell, at) else redis.call('PEXPIRE', cell, OPERATION_KEPT_MS) end
return { 'done' }
