-- One sign of life, and a look at everybody else's.
--
-- KEYS  this edge's sign of life, the set of registrations, then the signs of life of the edges it knows
-- ARGV  life in milliseconds, this edge's registration, its name, 'new' or 'known'
-- Returns 1 if the sign of life was there (or made, for 'new'), all registrations, and for each known edge whether it lives.
local renewed
if ARGV[4] == 'new' then
  renewed = redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[1])
  redis.call('SADD', KEYS[2], ARGV[2])
else
  renewed = redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[1], 'XX')
end
local lives = {}
if #KEYS > 2 then
  for i, sign in ipairs(redis.call('MGET', unpack(KEYS, 3))) do lives[i] = sign and 1 or 0 end
end
return { renewed and 1 or 0, redis.call('SMEMBERS', KEYS[2]), lives }
