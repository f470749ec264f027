-- As change-cell.lua for a row of a batch. A mark in the cell tells whether the row was applied, so
-- no operation is noted.
--
-- KEYS: the cell, the outbox.
-- ARGV: new version, deadline (epoch ms of the engine), version that was read, what to record,
-- then the change (cell-prelude.lua).
-- Returns done | late | changed | intent.

-- include cell-prelude.lua

local cell = KEYS[1]
local version = redis.call('HGET', cell, 'v') or ''
if version == ARGV[1] then touch(cell) return { 'done' } end
if now() > tonumber(ARGV[2]) then return { 'late' } end
if redis.call('HEXISTS', cell, 't') == 1 then return { 'intent' } end
if version ~= ARGV[3] then return { 'changed' } end
local c = {}
for i = 5, #ARGV do c[#c + 1] = ARGV[i] end
local at = apply(cell, c)
record(KEYS[2], ARGV[4])
redis.call('HSET', cell, 'v', ARGV[1])
expire(cell, at)
return { 'done' }
