-- As change-cell.lua for a row of a batch. A mark in the cell records that the row was applied, so
-- no operation is noted.
--
-- KEYS: the cell, the outbox.
-- ARGV: new version, deadline (epoch ms of the engine), version that was read, what to record,
-- then the change (cell-prelude.lua).
-- Returns done | late | changed | intent.

-- include cell-prelude.lua

local cell = KEYS[1]
local present = redis.call('HMGET', cell, 'v', 'o', 'e', 't')
local version, time = present[1] or '', now()
if is_made(ARGV[1], version) then touch(cell) return { 'done' } end
if time > tonumber(ARGV[2]) then return { 'late' } end
if present[4] then return { 'intent' } end
if version ~= ARGV[3] then return { 'changed' } end
local at, is_moved = apply(cell, ARGV, 4, ARGV[1], time, present)
record(KEYS[2], ARGV[4])
if is_moved then expire(cell, at) end
return { 'done' }
