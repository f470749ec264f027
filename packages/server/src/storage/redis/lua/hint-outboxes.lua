-- Records which outboxes may have something to collect.
--
-- KEYS: the hints.
-- ARGV: tags.
-- Returns done.

redis.call('SADD', KEYS[1], unpack(ARGV))
return { 'done' }
