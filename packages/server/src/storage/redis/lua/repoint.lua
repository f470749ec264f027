-- Makes a pointer lead elsewhere, live longer, or go, whatever intent lies over it. Does nothing
-- when it is another pointer by now.
--
-- KEYS: the cell.
-- ARGV: the pointer as it was, the new one ('' to remove it), how long it lives (ms), new version.
-- Returns done.

-- include cell-prelude.lua

local cell = KEYS[1]
local before = redis.call('HMGET', cell, 'v', 'o', 'e', 't', 'r')
if before[5] ~= ARGV[1] then touch(cell) return { 'done' } end
local change = ARGV[2] == '' and { ARGV[3], '1', '0' } or { ARGV[3], '0', '1', 'r', ARGV[2] }
local at = apply(cell, change, 0, ARGV[4], now(), before)
if not before[4] then expire(cell, at) end
return { 'done' }
