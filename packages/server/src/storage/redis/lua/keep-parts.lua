-- Makes the parts of a file permanent: all of them or none.
--
-- KEYS: a key to write to, so that WAIT has something to confirm; then the parts.
-- ARGV: none.
-- Returns done | missing.

for i = 2, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 0 then return { 'missing' } end
end
redis.call('SET', KEYS[1], '1', 'PX', 1000)
for i = 2, #KEYS do redis.call('PERSIST', KEYS[i]) end
return { 'done' }
