-- Keeps a text for a while.
--
-- KEYS: where it is kept.
-- ARGV: the text, how long it is kept (ms).
-- Returns done.

redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return { 'done' }
