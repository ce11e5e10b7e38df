-- What one edge holds of one topic, told and asked in one step: the change, its version and its delta are inseparable.
--
-- KEYS  members (peer -> its text), holders (peer -> number of edges), version, what this edge holds (set of peers),
--       this edge's index of topics
-- ARGV  channel, PUBLISH or SPUBLISH, members above which they are only counted (0: never),
--       'some' or 'all' (the joins are everything that this edge holds), 'roster' or '',
--       number of joins, then for each its peer and text, then the peers that left
-- Returns epoch, sequence, 'n' or 'c', 1 if members changed, and the texts of all members if a roster was asked for.
local members, holders, version, mine, index = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local channel, publish, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
local at = 7
local kept, news = {}, {}

for _ = 1, tonumber(ARGV[6]) do
  local peer, text = ARGV[at], ARGV[at + 1]
  at = at + 2
  kept[peer] = true
  if redis.call('SADD', mine, peer) == 1 and redis.call('HINCRBY', holders, peer, 1) == 1 then
    redis.call('HSET', members, peer, text)
    news[#news + 1] = '+' .. text
  end
end

local leaves = {}
if ARGV[4] == 'all' then
  for _, peer in ipairs(redis.call('SMEMBERS', mine)) do
    if not kept[peer] then leaves[#leaves + 1] = peer end
  end
else
  for i = at, #ARGV do leaves[#leaves + 1] = ARGV[i] end
end
for _, peer in ipairs(leaves) do
  if redis.call('SREM', mine, peer) == 1 and redis.call('HINCRBY', holders, peer, -1) <= 0 then
    news[#news + 1] = '-' .. (redis.call('HGET', members, peer) or (#peer .. ' 0 ' .. peer))
    redis.call('HDEL', holders, peer)
    redis.call('HDEL', members, peer)
  end
end

if redis.call('EXISTS', mine) == 1 then
  redis.call('SADD', index, channel)
else
  redis.call('SREM', index, channel)
end

local known = redis.call('HMGET', version, 'epoch', 'sequence', 'naming')
local epoch, sequence, naming = known[1] or '0', tonumber(known[2] or 0), known[3] or 'n'
if #news > 0 then
  if not known[1] then
    local time = redis.call('TIME')
    -- Microseconds need more digits than tostring keeps.
    epoch = string.format('%.0f', time[1] * 1000000 + time[2])
  end
  sequence = sequence + 1
  local count = redis.call('HLEN', members)
  if limit == 0 or count < limit - math.floor(limit / 10) then
    naming = 'n'
  elseif count > limit then
    naming = 'c'
  end
  if count == 0 then
    -- An empty topic leaves nothing behind; its next member begins another epoch.
    redis.call('DEL', version)
  else
    redis.call('HSET', version, 'epoch', epoch, 'sequence', sequence, 'naming', naming)
  end
  redis.call(publish, channel, 'D\1' .. epoch .. ' ' .. sequence .. ' ' .. naming .. '\n' .. table.concat(news))
end

local roster = {}
if ARGV[5] == 'roster' then roster = redis.call('HVALS', members) end
return { epoch, tostring(sequence), naming, #news > 0 and 1 or 0, roster }
