-- Shared by the scripts of small records: frees old records of an owner, and extends the lifetime of
-- the others.
--
-- A record of a kind with a lifetime is in `due` with the time at which it may be freed. Every write
-- frees a few of those; an owner that gets no more writes is freed as a whole.

local SWEPT_AT_ONCE = 16

local function now()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function sweep(records, order, due)
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now(), 'LIMIT', 0, SWEPT_AT_ONCE)) do
    redis.call('HDEL', records, key)
    redis.call('ZREM', order, key)
    redis.call('ZREM', due, key)
  end
end

local function put(records, order, due, key, value, kept)
  redis.call('HSET', records, key, value)
  redis.call('ZADD', order, 0, key)
  if kept > 0 then redis.call('ZADD', due, string.format('%.0f', now() + kept), key) end
end

local function live_on(records, order, due, kept)
  for _, name in ipairs({ records, order, due }) do redis.call('PEXPIRE', name, kept) end
end
