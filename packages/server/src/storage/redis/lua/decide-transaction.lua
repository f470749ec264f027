-- Returns the state of a transaction, at the cell where it commits. Can revoke one that has not
-- committed.
--
-- KEYS: the cell, where the transaction is noted.
-- ARGV: transaction id, '1' to revoke it.
-- Returns done and one of: committed, with what remains to be done | finished | revoked | open.

-- include cell-prelude.lua

local cell, note = KEYS[1], KEYS[2]
local pending = redis.call('HGET', cell, 'p' .. ARGV[1])
if pending then touch(cell) return { 'done', 'committed', pending } end
local seen = redis.call('GET', note)
if seen == 'done' then touch(cell) return { 'done', 'finished' } end
if ARGV[2] == '1' then
  redis.call('SET', note, 'revoked', 'PX', OPERATION_KEPT_MS)
  return { 'done', 'revoked' }
end
return { 'done', seen or 'open' }
