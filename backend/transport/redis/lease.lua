-- LEASE  KEYS {p}:h  ARGV node | node beat, of one that is thought to be gone -> claimed | node beat, of each
--                    ARGV node 'left' | nodes whose place it has taken
--
-- A hub says that it lives, or that it stops. Whoever has seen another's beat stand still
-- may take its place: one does, and sees to what it has left behind.
local call = redis.call
local N = string.sub(KEYS[1], 1, -2) .. 'n'
local claimed = 0
if ARGV[2] == 'left' then
  for i = 1, #ARGV do if i ~= 2 then call('HSET', N, ARGV[i], 'left') end end
  return {0}
end
if call('HGET', N, ARGV[1]) == 'left' then call('HDEL', N, ARGV[1]) end
call('HINCRBY', N, ARGV[1], 1)
if ARGV[2] and call('HGET', N, ARGV[2]) == ARGV[3] then claimed = call('HDEL', N, ARGV[2]) end
local answer = call('HGETALL', N)
table.insert(answer, 1, claimed)
return answer
