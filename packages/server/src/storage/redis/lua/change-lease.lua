-- Takes, extends or releases the lease of a queue if it is still as it was read.
--
-- KEYS: the lease.
-- ARGV: lease as it was read ('' for none), the new lease ('' to release it).
-- Returns done | changed.

local lease = redis.call('GET', KEYS[1]) or ''
if lease ~= ARGV[1] and lease ~= ARGV[2] then return { 'changed' } end
redis.call('SET', KEYS[1], ARGV[2], 'PX', 600000)
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) end
return { 'done' }
