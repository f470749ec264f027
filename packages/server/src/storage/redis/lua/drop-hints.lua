-- Drops hints that are about to be followed.
--
-- KEYS: the hints.
-- ARGV: tags.
-- Returns done.

redis.call('SREM', KEYS[1], unpack(ARGV))
return { 'done' }
