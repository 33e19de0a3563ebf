-- LEASE  KEYS {p}:h  ARGV node beat | node beat, of one that is thought to be gone -> claimed | node beat, of each
--
-- A hub says that it lives (beat 1), or that it stops ('left'). Whoever has seen another's beat stand still
-- may take its place: one does, and sees to what it has left behind.
local call = redis.call
local N = string.sub(KEYS[1], 1, -2) .. 'n'
local claimed = 0
if ARGV[2] == 'left' then call('HSET', N, ARGV[1], 'left') else
  if call('HGET', N, ARGV[1]) == 'left' then call('HDEL', N, ARGV[1]) end
  call('HINCRBY', N, ARGV[1], 1)
end
if ARGV[3] and call('HGET', N, ARGV[3]) == ARGV[4] then claimed = call('HDEL', N, ARGV[3]) end
local answer = call('HGETALL', N)
table.insert(answer, 1, claimed)
return answer
