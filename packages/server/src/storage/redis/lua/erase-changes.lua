-- Removes changes from the log.
--
-- KEYS: the state, the log.
-- ARGV: entries.
-- Returns done.

redis.call('HINCRBY', KEYS[1], 'w', 1)
redis.call('XDEL', KEYS[2], unpack(ARGV))
return { 'done' }
