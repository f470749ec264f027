-- Removes merges from those of an id, or removes keys.
--
-- KEYS: a key to write to, so that WAIT has something to confirm; then the merges of the id, or the
-- keys to remove.
-- ARGV: ids of the merges; none to remove the keys.
-- Returns done.

redis.call('SET', KEYS[1], '1', 'PX', 1000)
for i = 2, #KEYS do
  if #ARGV == 0 then redis.call('DEL', KEYS[i]) else redis.call('ZREM', KEYS[i], unpack(ARGV)) end
end
return { 'done' }
