-- HEAL  KEYS {p}:h {p}:s  ARGV identity from left_ms | position flags node_number id topics event before, each, in order
-- -> added end     (some hundreds a call)
--
-- Puts back what the store has lost: each record whose predecessor is the end. Any number of hubs may
-- offer the same, or different parts. Where nothing at all is left, the first begins the history.
-- Nobody opens before left_ms: long where the hub has more to come, for a machine may stall between
-- two calls.
local call = redis.call
local function F(n) return string.format('%.0f', n) end
local H, S, I, R = KEYS[1], KEYS[2], string.sub(KEYS[1], 1, -2) .. 'i:', string.sub(KEYS[1], 1, -2) .. 'r'
local h = call('HMGET', H, 'owner', 'state', 'end', 'seg', 'count', 'run', 'last')
if h[1] ~= ARGV[1] or h[2] ~= 'healing' then return redis.error_reply('RUN ' .. tostring(h[6])) end
local fin, seg, count, last, added = h[3], tonumber(h[4]), tonumber(h[5]), h[7], 0
local last_run = tonumber(h[6])
local t = call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)
if count == 0 and fin == h[6] .. '-0' then
  fin = ARGV[2]; local a = string.match(fin, '%-(%d+)')
  call('HSET', H, 'end', fin, 'at', a, 'sat', a, 'rem', fin, 'cut', fin)
end
for i = 4, #ARGV, 7 do
  local pos, f, b, id, topics, event, before = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5], ARGV[i + 6]
  if before == fin then
    local run, at = string.match(pos, '^(%d+)%-(%d+)$')
    if string.match(fin, '^%d+') == run then
      call('XADD', S, pos, 'f', f, 'b', b, 'i', id, 't', topics, 'e', event)
    else
      if count > 0 then   -- a segment is of one run
        call('HSET', H, 'g:' .. F(seg), fin .. ' ' .. F(count) .. ' ' .. F(now) .. ' ' .. last,
          'sat', string.match(fin, '%-(%d+)'), 'scount', F(count), 'stime', F(now))
        seg = seg + 1; call('UNLINK', I .. F(seg))
      end
      call('XADD', S, pos, 'f', f, 'b', b, 'i', id, 't', topics, 'e', event, 'p', before)
    end
    local known = (f % 32 >= 16 or f % 128 >= 64) and 'k' or ''
    call('HSETNX', I .. F(seg), id, known .. at)
    local node, number = string.match(b, '^(%S+) (%d+)$')
    if f % 16 >= 4 then   -- who is active: as in publish.lua
      local n = string.match(topics, '^%d+')
      local who, same = (f % 64 >= 32 and '1' or '0') .. string.sub(topics, #n + 2, #n + 1 + n), string.sub(topics, #n + 2 + n)
      if f % 16 >= 8 then call('HDEL', R, who) else call('HSET', R, who, pos .. ' ' .. node .. ' ' .. same .. ' ' .. event) end
    end
    fin = pos; count = count + 1; added = added + 1; last = id
    if tonumber(run) > last_run then last_run = tonumber(run) end
    call('HSET', H, 'n:' .. node, number .. ' ' .. pos, 'run', F(last_run), 'at', at, 'end', pos, 'count', F(count), 'last', id, 'seg', F(seg))
  end
end
if added > 0 then call('HSET', H, 'until', F(now + ARGV[3])) end
return {added, fin}
