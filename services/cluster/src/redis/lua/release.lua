-- Sessions that ended give their leases back; a late one cannot remove a newer holder.
--
-- KEYS  leases of one partition
-- ARGV  how long a released lease is remembered in milliseconds, then for each lease its session and fence ('' if the
--       answer to the attach was lost, so that the fence is not known)
-- Returns how many leases are free now that were not.
--
-- What is remembered: the fence and the session, so that an older session that has not heard of its loss yet still finds
-- out; and the takeovers, so that leaving and coming back ends no fight.
local released = 0
for i, lease in ipairs(KEYS) do
  local session, fence = ARGV[2 * i], ARGV[2 * i + 1]
  local known = redis.call('HMGET', lease, 'fence', 'session', 'edge')
  if known[3] and known[2] == session and (fence == '' or known[1] == fence) then
    redis.call('HDEL', lease, 'edge', 'region', 'since')
    redis.call('PEXPIRE', lease, ARGV[1])
    released = released + 1
  end
end
return released
