-- Changes a cell that is still as it was read. With `pending` it is the commit of a transaction.
--
-- KEYS: the cell, where the operation is noted, the outbox.
-- ARGV: operation id (the new version), deadline (epoch ms of the engine), version that was read
-- ('' for none), pending ('' or what remains to be done), what to record, then the change
-- (cell-prelude.lua).
-- Returns done | late | changed | intent | revoked.

-- include cell-prelude.lua

local cell, note = KEYS[1], KEYS[2]
local seen = redis.call('GET', note)
if seen == 'done' then touch(cell) return { 'done' } end
if seen then return { 'revoked' } end
local time = now()
if time > tonumber(ARGV[2]) then return { 'late' } end
local present = redis.call('HMGET', cell, 'v', 't')
if present[2] then return { 'intent' } end
if (present[1] or '') ~= ARGV[3] then return { 'changed' } end
local c = {}
for i = 6, #ARGV do c[#c + 1] = ARGV[i] end
local at = apply(cell, c, ARGV[1], time)
record(KEYS[3], ARGV[5])
if ARGV[4] ~= '' then
  redis.call('HSET', cell, 'p' .. ARGV[1], ARGV[4])
  redis.call('PEXPIRE', cell, HOLD_MS)
else
  expire(cell, at)
end
redis.call('SET', note, 'done', 'PX', OPERATION_KEPT_MS)
return { 'done' }
