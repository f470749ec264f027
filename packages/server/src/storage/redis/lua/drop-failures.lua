-- Removes the failed rows of some lines of a batch; may be repeated.
--
-- KEYS: failures of the batch.
-- ARGV: the lines.
-- Returns done, how many were removed.

local removed = 0
for i = 1, #ARGV do
  removed = removed + redis.call('ZREMRANGEBYSCORE', KEYS[1], ARGV[i], ARGV[i])
end
return { 'done', removed }
