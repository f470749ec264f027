-- Changes a cell that is still as it was read. With `pending` it is the commit of a transaction.
--
-- KEYS: the cell, where the operation is noted, the outbox, then texts to write with the change.
-- ARGV: operation id (the new version), deadline (epoch ms of the engine), version that was read
-- ('' for none), pending ('' or what remains to be done), what to record; with texts, how long they
-- are kept (ms) and each text; then the change (cell-prelude.lua).
-- Returns done | late | changed | intent | revoked.
--
-- The cell itself remembers its last operations. Transactions, and operations that the cell has no
-- room for, are noted under separate keys, which differ only in the id.

-- include cell-prelude.lua

local cell, note = KEYS[1], KEYS[2]
local present = redis.call('HMGET', cell, 'v', 'o', 'e', 't')
if is_made(ARGV[1], present[1], present[2]) then touch(cell) return { 'done' } end
local seen = redis.call('GET', note)
if seen == 'done' then touch(cell) return { 'done' } end
if seen then return { 'revoked' } end
local time = now()
if time > tonumber(ARGV[2]) then return { 'late' } end
if present[4] then return { 'intent' } end
if (present[1] or '') ~= ARGV[3] then return { 'changed' } end
local base = 5
if #KEYS > 3 then
  for i = 4, #KEYS do redis.call('SET', KEYS[i], ARGV[i + 3], 'PX', ARGV[6]) end
  base = #KEYS + 3
end
local at, is_moved = apply(cell, ARGV, base, ARGV[1], time, present, string.sub(note, 1, -1 - ID))
record(KEYS[3], ARGV[5])
if ARGV[4] ~= '' then
  redis.call('HSET', cell, 'p' .. ARGV[1], ARGV[4], 'h', '1')
  redis.call('PEXPIRE', cell, HOLD_MS)
  redis.call('SET', note, 'done', 'PX', OPERATION_KEPT_MS)
elseif is_moved then
  expire(cell, at)
end
return { 'done' }
