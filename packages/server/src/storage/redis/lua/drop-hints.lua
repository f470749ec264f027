-- Removes hints whose outboxes the caller is about to read.
--
-- KEYS: the hints.
-- ARGV: tags.
-- Returns done.

redis.call('SREM', KEYS[1], unpack(ARGV))
return { 'done' }
