-- Removes changes up to a number.
--
-- KEYS: the state, the log.
-- ARGV: id of the feed, the number, their bytes.
-- Returns done | off.

if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return { 'off' } end
if tonumber(ARGV[2]) > tonumber(redis.call('HGET', KEYS[1], 'trimmed')) then
  redis.call('XTRIM', KEYS[2], 'MINID', string.format('%.0f-0', tonumber(ARGV[2]) + 1))
  redis.call('HINCRBY', KEYS[1], 'bytes', -tonumber(ARGV[3]))
  redis.call('HSET', KEYS[1], 'trimmed', ARGV[2])
end
redis.call('HINCRBY', KEYS[1], 'w', 1)
return { 'done' }
