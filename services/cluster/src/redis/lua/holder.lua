-- Who is on record as the holder of a lease; whether its edge lives is for the caller to say.
--
-- KEYS  the lease
-- Returns session, registration, fence and since, or nothing.
local known = redis.call('HMGET', KEYS[1], 'session', 'edge', 'fence', 'since')
if not known[2] then return {} end
return known
