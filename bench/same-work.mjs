/**
 * What an update or a visit of Quiver does, as a script for Redis: is the profile there, does it
 * stay within 64 KB, each value with its time, its lifetime begins anew.
 *
 * KEYS: the profile. ARGV: the time, 1 to make a profile that is not there, then name, value, ….
 * Returns created | updated | not-found | too-large.
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
