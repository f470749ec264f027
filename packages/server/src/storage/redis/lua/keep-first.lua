-- Keeps a text unless there is one already.
--
-- KEYS: where it is kept.
-- ARGV: the text.
-- Returns done and the text that is kept.

local kept = redis.call('GET', KEYS[1])
if not kept then kept = ARGV[1] end
redis.call('SET', KEYS[1], kept)
return { 'done', kept }
