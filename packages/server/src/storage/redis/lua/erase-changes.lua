-- Takes changes out of the log.
--
-- KEYS: the state, the log.
-- ARGV: entries.
-- Returns done and how many there were.

redis.call('HINCRBY', KEYS[1], 'w', 1)
return { 'done', tostring(redis.call('XDEL', KEYS[2], unpack(ARGV))) }
