-- Adds a merge to those of an id, and removes old ones.
--
-- KEYS: the merges of the id, by time.
-- ARGV: id of the merge, its time, how long it is kept (ms).
-- Returns done.

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', ARGV[2] - ARGV[3]))
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return { 'done' }
