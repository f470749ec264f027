/**
 * A Redis script that does the same work as an update or a visit of Quiver: checks that the profile
 * exists and stays within 64 KB, stores each value with its time, and restarts the lifetime.
 *
 * KEYS: the profile. ARGV: the time, 1 to create a missing profile, then name, value, …. Returns
 * created | updated | not-found | too-large.
 */
export const SAME_WORK = `
local key, time = KEYS[1], ARGV[1]
local size = tonumber(redis.call('HGET', key, '#size'))
local isThere = size ~= nil or redis.call('EXISTS', key) == 1
if not isThere and ARGV[2] ~= '1' then return 'not-found' end
size = size or 0
local set = {}
for i = 3, #ARGV, 2 do
  local value = '{"value":"' .. ARGV[i + 1] .. '","modifiedAt":' .. time .. '}'
  size = size + #value - redis.call('HSTRLEN', key, ARGV[i])
  set[#set + 1] = ARGV[i]
  set[#set + 1] = value
end
if size > 65536 then return 'too-large' end
redis.call('HSET', key, '#size', size, unpack(set))
redis.call('EXPIRE', key, 1209600)
return isThere and 'updated' or 'created'
`;
