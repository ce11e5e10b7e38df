-- A record is put or removed, if it is in the state that the caller expects.
--
-- KEYS  the records of a shelf, which of them expire when
-- ARGV  the record's name, the expected version ('*' whichever, '-' none), 'put' or 'remove',
--       the value, its life in milliseconds ('' for ever), the most records of a shelf
-- Returns 'done', version, '1' if anything changed; or 'conflict', version ('' for none); or 'full'
--
-- The records are a hash: name to '<version> <end in ms, 0 for never> <value>'. What has expired counts as absent and goes with
-- the next changes; a shelf on which everything expires goes by itself.
local records, due = KEYS[1], KEYS[2]
local name, expected, op = ARGV[1], ARGV[2], ARGV[3]

-- Below 2^53 numbers are exact; tostring and .. keep 14 digits only.
local function text(number) return string.format('%.0f', number) end

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local now_ms = math.floor(now / 1000)

for _, over in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', text(now_ms), 'LIMIT', 0, 100)) do
  redis.call('HDEL', records, over)
  redis.call('ZREM', due, over)
end

local stored = nil
local known = redis.call('HGET', records, name)
if known then
  local version, ends = string.match(known, '^(%d+) (%d+) ')
  if tonumber(ends) == 0 or tonumber(ends) > now_ms then stored = version end
end

local is_expected = expected == '*'
  or (expected == '-' and not stored)
  or (expected == stored)
  or (op == 'remove' and not stored and expected ~= '-')
if not is_expected then return { 'conflict', stored or '' } end

local version = text(math.max(now, tonumber(stored or 0) + 1))
if op == 'remove' then
  if not stored then return { 'done', version, '0' } end
  redis.call('HDEL', records, name)
  redis.call('ZREM', due, name)
else
  if not known and redis.call('HLEN', records) >= tonumber(ARGV[6]) then return { 'full' } end
  local ends = 0
  if ARGV[5] ~= '' then
    ends = now_ms + tonumber(ARGV[5])
    redis.call('ZADD', due, text(ends), name)
  else
    redis.call('ZREM', due, name)
  end
  redis.call('HSET', records, name, version .. ' ' .. text(ends) .. ' ' .. ARGV[4])
end

local last = redis.call('ZREVRANGE', due, 0, 0, 'WITHSCORES')
if last[1] and redis.call('HLEN', records) == redis.call('ZCARD', due) then
  redis.call('PEXPIREAT', records, text(tonumber(last[2]) + 1000))
  redis.call('PEXPIREAT', due, text(tonumber(last[2]) + 1000))
else
  redis.call('PERSIST', records)
  redis.call('PERSIST', due)
end
return { 'done', version, '1' }
