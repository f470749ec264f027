-- Appends what was collected from outboxes to the log, each change once.
--
-- KEYS: the state, what was collected, the log.
-- ARGV: id of the feed, number of outboxes; for each its tag, the last entry that was collected
-- before ('' for none) and now; then the changes.
-- Returns done | changed: others have collected | off.

local state, collected, log = KEYS[1], KEYS[2], KEYS[3]
if redis.call('HGET', state, 'id') ~= ARGV[1] then return { 'off' } end
local outboxes = tonumber(ARGV[2])
local known = 0
for i = 0, outboxes - 1 do
  local at = redis.call('HGET', collected, ARGV[3 + 3 * i]) or ''
  if at == ARGV[5 + 3 * i] then known = known + 1
  elseif at ~= ARGV[4 + 3 * i] then return { 'changed' } end
end
if known == outboxes then
  redis.call('HINCRBY', state, 'w', 1)
  return { 'done' }
end
if known > 0 then return { 'changed' } end
local last = tonumber(redis.call('HGET', state, 'last'))
local bytes = 0
for i = 3 + 3 * outboxes, #ARGV do
  last = last + 1
  bytes = bytes + #ARGV[i] + 40
  redis.call('XADD', log, string.format('%.0f-0', last), 'c', ARGV[i])
end
redis.call('HSET', state, 'last', string.format('%.0f', last))
redis.call('HINCRBY', state, 'bytes', bytes)
for i = 0, outboxes - 1 do redis.call('HSET', collected, ARGV[3 + 3 * i], ARGV[5 + 3 * i]) end
return { 'done' }
