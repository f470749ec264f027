-- Notes which outboxes have something.
--
-- KEYS: the hints.
-- ARGV: tags.
-- Returns done.

redis.call('SADD', KEYS[1], unpack(ARGV))
return { 'done' }
