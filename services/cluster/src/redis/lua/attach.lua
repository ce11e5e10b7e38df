-- A session claims a device's lease: granted, refused, or made to wait, in one step.
--
-- KEYS  the lease, the log of takeovers of its partition
-- ARGV  session (32 hex digits, the same length always), its edge's registration, its region,
--       the highest fence that the edge ever saw of the lease, 'evict' or 'refuse' (what to do about a living holder),
--       '' or the place that a damped newcomer comes back with, free takeovers in a window, the window in microseconds,
--       life of the lease in milliseconds, then the registrations that are known to be dead
-- Returns 'granted', fence, since; then session, registration and fence of the holder before, if there was a living one
--         'refused', since; then the same of the holder
--         'wait', place
--         'superseded'
--
-- The lease is a hash: fence, session, edge, region, since (microseconds), takeovers (their times, microseconds), newest
-- (the place of the newest newcomer). Without an edge nobody holds it: the fence and the session are of the last one.
local lease = KEYS[1]
local session, edge, place = ARGV[1], ARGV[2], tonumber(ARGV[6])
local free, window = tonumber(ARGV[7]), tonumber(ARGV[8])

-- Below 2^53 numbers are exact; tostring and .. keep 14 digits only.
local function text(number) return string.format('%.0f', number) end

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local known = redis.call('HMGET', lease, 'fence', 'session', 'edge', 'since', 'takeovers', 'newest')
local stored, newest = tonumber(known[1] or 0), tonumber(known[6] or 0)
local holds = known[3] and known[2] == session
local rival = known[3] and not holds
for i = 10, #ARGV do
  if known[3] == ARGV[i] then rival = false end
end

if rival and ARGV[5] == 'refuse' then
  return { 'refused', known[4], known[2], known[3], known[1] }
end

-- Who claims what it holds fights nobody and is nobody's newcomer.
if not holds then
  local recent = {}
  for at in string.gmatch(known[5] or '', '%d+') do
    -- Of a clock that was set back, what lies ahead by more than the window tells nothing.
    if math.abs(now - tonumber(at)) < window then recent[#recent + 1] = at end
  end
  if place and place < newest then return { 'superseded' } end
  local fought_for = #recent > 0 or math.abs(now - newest) < window
  -- Where nobody holds the lease or fights for it, there is nobody to supersede and no place to remember.
  if not place and (rival or fought_for) then
    newest = math.max(newest + 1, now)
    redis.call('HSET', lease, 'newest', text(newest))
    if rival and #recent >= free then return { 'wait', text(newest) } end
  end
  if rival then
    recent[#recent + 1] = text(now)
    redis.call('HSET', lease, 'takeovers', table.concat(recent, ' '))
  elseif known[6] and not fought_for then
    redis.call('HDEL', lease, 'takeovers', 'newest')
  end
end

local fence = math.max(stored + 1, now, tonumber(ARGV[4]) + 1)
if fence >= 9007199254740992 then return redis.error_reply('FENCE is used up') end
local since = holds and known[4] or text(now)
redis.call('HSET', lease, 'fence', text(fence), 'session', session, 'edge', edge, 'region', ARGV[3], 'since', since)
redis.call('PEXPIRE', lease, ARGV[9])
if known[3] and not holds then
  -- For the loser's edge, if nothing else reaches it: that reads the log, and need not look at each of its leases.
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', 1000, '*', 'lost', known[2], 'fence', text(fence))
  redis.call('PEXPIRE', KEYS[2], 600000)
end
if rival then return { 'granted', text(fence), since, known[2], known[3], known[1] } end
return { 'granted', text(fence), since }
