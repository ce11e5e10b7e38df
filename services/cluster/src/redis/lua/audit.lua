-- An edge compares leases that it holds with what is on record: what is missing or lower it states again, what is higher
-- it has lost.
--
-- KEYS  leases of one partition
-- ARGV  the edge's registration, its region, life of a lease in milliseconds,
--       then for each lease session (32 hex digits), fence, since (microseconds)
-- Returns the leases that were lost: for each its place in KEYS, the fence and the session that won;
--         the holders that were put out: for each its place in KEYS, its session and registration.
local edge, region, life = ARGV[1], ARGV[2], tonumber(ARGV[3])
local lost, ousted = {}, {}
for i, lease in ipairs(KEYS) do
  local session, fence, since = ARGV[3 * i + 1], ARGV[3 * i + 2], ARGV[3 * i + 3]
  local known = redis.call('HMGET', lease, 'fence', 'session', 'edge')
  local stored, own = tonumber(known[1] or 0), tonumber(fence)
  -- Two primaries may have given out one fence; then the names decide, everywhere alike. They are hex digits of one
  -- length, which every locale sorts the same.
  if stored > own or (stored == own and known[2] and known[2] > session) then
    lost[#lost + 1] = i
    lost[#lost + 1] = known[1]
    lost[#lost + 1] = known[2]
  elseif stored == own and known[2] == session and known[3] == edge then
    -- Lazily: most audits write nothing.
    if redis.call('PTTL', lease) < life / 2 then redis.call('PEXPIRE', lease, life) end
  else
    if known[3] and known[2] ~= session then
      ousted[#ousted + 1] = i
      ousted[#ousted + 1] = known[2]
      ousted[#ousted + 1] = known[3]
    end
    redis.call('HSET', lease, 'fence', fence, 'session', session, 'edge', edge, 'region', region, 'since', since)
    redis.call('PEXPIRE', lease, life)
  end
end
return { lost, ousted }
