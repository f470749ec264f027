-- Makes changes visible to readers up to a number that a replica has.
--
-- KEYS: the state.
-- ARGV: id of the feed, the number.
-- Returns done | off.

if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return { 'off' } end
if tonumber(ARGV[2]) > tonumber(redis.call('HGET', KEYS[1], 'shown')) then redis.call('HSET', KEYS[1], 'shown', ARGV[2]) end
redis.call('HINCRBY', KEYS[1], 'w', 1)
return { 'done' }
