-- Stores what a transaction will make of a cell. Nobody else changes the cell until the transaction
-- ends.
--
-- KEYS: the cell.
-- ARGV: transaction id, deadline (epoch ms of the engine), version that was read, intent (JSON),
-- then the change (cell-prelude.lua).
-- Returns done | late | changed | intent.

-- include cell-prelude.lua

local cell = KEYS[1]
local present = redis.call('HGET', cell, 't')
if present == ARGV[4] then touch(cell) return { 'done' } end
if present then return { 'intent' } end
if now() > tonumber(ARGV[2]) then return { 'late' } end
if (redis.call('HGET', cell, 'v') or '') ~= ARGV[3] then return { 'changed' } end
local c = {}
for i = 5, #ARGV do c[#c + 1] = ARGV[i] end
redis.call('HSET', cell, 't', ARGV[4], 'n', cmsgpack.pack(c))
redis.call('PEXPIRE', cell, HOLD_MS)
return { 'done' }
