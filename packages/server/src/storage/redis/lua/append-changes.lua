-- Appends changes collected from outboxes to the log, each once.
--
-- KEYS: the state, what was collected, the log.
-- ARGV: id of the feed, number of outboxes; for each its tag, the last entry that was collected
-- before ('' for none) and now; then the changes.
-- Returns done and the last number of the log | changed: others have collected | off.

local state, collected, log = KEYS[1], KEYS[2], KEYS[3]
local kept = redis.call('HMGET', state, 'id', 'last')
if kept[1] ~= ARGV[1] then return { 'off' } end
local outboxes = tonumber(ARGV[2])
local tags, marks = {}, { 'HSET', collected }
for i = 3, 2 + 3 * outboxes, 3 do
  tags[#tags + 1] = ARGV[i]
  marks[#marks + 1] = ARGV[i]
  marks[#marks + 1] = ARGV[i + 2]
end
local known = 0
for i, at in ipairs(redis.call('HMGET', collected, unpack(tags))) do
  at = at or ''
  if at == ARGV[2 + 3 * i] then known = known + 1
  elseif at ~= ARGV[1 + 3 * i] then return { 'changed' } end
end
if known == outboxes then
  redis.call('HINCRBY', state, 'w', 1)
  return { 'done', kept[2] }
end
if known > 0 then return { 'changed' } end
local last, bytes = tonumber(kept[2]), 0
for i = 3 + 3 * outboxes, #ARGV do
  last = last + 1
  bytes = bytes + #ARGV[i] + 40
  redis.call('XADD', log, string.format('%.0f-0', last), 'c', ARGV[i])
end
local shown = string.format('%.0f', last)
redis.call('HSET', state, 'last', shown)
redis.call('HINCRBY', state, 'bytes', bytes)
redis.call(unpack(marks))
return { 'done', shown }
