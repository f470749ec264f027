-- Writes a part of a file that is being received.
--
-- KEYS: the part.
-- ARGV: its bytes, how long it waits for the rest of the file (ms).
-- Returns done.

redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return { 'done' }
