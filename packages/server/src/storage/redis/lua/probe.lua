-- Writes something that nobody reads, to see whether writes succeed.
--
-- KEYS: where.
-- ARGV: the time.
-- Returns done.

redis.call('SET', KEYS[1], ARGV[1], 'PX', 60000)
return { 'done' }
