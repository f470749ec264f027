-- Notes where the file of a batch is, or forgets it.
--
-- KEYS: files by batch.
-- ARGV: id of the batch, where its file is ('' to forget it).
-- Returns done.

redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if ARGV[2] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) end
return { 'done' }
