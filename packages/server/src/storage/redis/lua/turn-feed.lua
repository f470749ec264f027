-- Turns the feed on or off, if it is not in that state already. A new feed continues the numbers of
-- the one before, whose changes are removed.
--
-- KEYS: the state, the log.
-- ARGV: the id of a new feed, or '' for off.
-- Returns done.

local state, log = KEYS[1], KEYS[2]
local id = redis.call('HGET', state, 'id')
if ARGV[1] == '' and id then
  redis.call('HDEL', state, 'id')
elseif ARGV[1] ~= '' and not id then
  local last = redis.call('HGET', state, 'last') or '0'
  redis.call('HSET', state, 'id', ARGV[1], 'last', last, 'shown', last, 'trimmed', last, 'bytes', '0')
  redis.call('DEL', log)
end
redis.call('HINCRBY', state, 'w', 1)
return { 'done' }
