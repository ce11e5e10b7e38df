-- One record of a shelf is put or removed, if it is in the expected state.
--
-- KEYS  the shelf (name -> version, end, value)
-- ARGV  name, 'put' or 'remove', value, life in microseconds (0: for ever), 'any', 'absent' or the expected version,
--       most records on a shelf
-- Returns 'done', version and 1 if anything changed; 'conflict' and the version found ('' for absent); or 'full'.
local shelf, name, limit = KEYS[1], ARGV[1], tonumber(ARGV[6])
local function text(number) return string.format('%.0f', number) end

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function lives(stored)
  local ends = tonumber(string.match(stored, '^%d+ (%d+) '))
  return ends == 0 or ends > now
end

local stored = redis.call('HGET', shelf, name)
local found = stored and lives(stored) and string.match(stored, '^%d+') or ''
local expected = ARGV[5]
local fits = expected == 'any' or (expected == 'absent' and found == '') or expected == found
  or (expected ~= 'absent' and ARGV[2] == 'remove' and found == '')
if not fits then return { 'conflict', found } end

local version = text(math.max(tonumber(stored and string.match(stored, '^%d+') or 0) + 1, now))
if ARGV[2] == 'remove' then
  redis.call('HDEL', shelf, name)
  return { 'done', version, found == '' and 0 or 1 }
end
if not stored and redis.call('HLEN', shelf) >= limit then
  local all = redis.call('HGETALL', shelf)
  for i = 1, #all, 2 do
    if not lives(all[i + 1]) then redis.call('HDEL', shelf, all[i]) end
  end
  if redis.call('HLEN', shelf) >= limit then return { 'full' } end
end
local life = tonumber(ARGV[4])
-- A shelf goes with the last of its records, unless one of them stays for ever.
local left = redis.call('PTTL', shelf)
local needs = math.ceil(life / 1000)
redis.call('HSET', shelf, name, version .. ' ' .. (life > 0 and text(now + life) or '0') .. ' ' .. ARGV[3])
if life == 0 then
  redis.call('PERSIST', shelf)
elseif left == -2 or (left >= 0 and left < needs) then
  redis.call('PEXPIRE', shelf, needs)
end
return { 'done', version, 1 }
