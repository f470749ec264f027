-- As change-cell.lua for a row of a batch. A mark in the cell tells whether the row was applied, so
-- no operation is noted.
--
-- KEYS: the cell, the outbox.
-- ARGV: new version, deadline (epoch ms of the engine), version that was read, what to record,
-- then the change (cell-prelude.lua).
-- Returns done | late | changed | intent.

-- include cell-prelude.lua

local cell = KEYS[1]
local seen = redis.call('HMGET', cell, 'v', 't')
local version, time = seen[1] or '', now()
if version == ARGV[1] then touch(cell) return { 'done' } end
if time > tonumber(ARGV[2]) then return { 'late' } end
if seen[2] then return { 'intent' } end
if version ~= ARGV[3] then return { 'changed' } end
local c = {}
for i = 5, #ARGV do c[#c + 1] = ARGV[i] end
local at = apply(cell, c, ARGV[1], time)
record(KEYS[2], ARGV[4])
expire(cell, at)
return { 'done' }
