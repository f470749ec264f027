-- Removes the entries of an outbox that have been collected, and reads the next ones. It also
-- writes, so that a WAIT confirms that a replica has what is returned.
--
-- KEYS: the outbox, a counter.
-- ARGV: the last entry that was collected or '', how many to read.
-- Returns done and id, entry, id, entry, ….

local outbox = KEYS[1]
if ARGV[1] ~= '' then
  local ms, nth = string.match(ARGV[1], '^(%d+)-(%d+)$')
  redis.call('XTRIM', outbox, 'MINID', ms .. '-' .. string.format('%.0f', tonumber(nth) + 1))
end
redis.call('INCR', KEYS[2])
redis.call('EXPIRE', KEYS[2], 60)
local found = {}
local from = ARGV[1] == '' and '-' or '(' .. ARGV[1]
for _, entry in ipairs(redis.call('XRANGE', outbox, from, '+', 'COUNT', ARGV[2])) do
  found[#found + 1] = entry[1]
  found[#found + 1] = entry[2][2]
end
return { 'done', found }
