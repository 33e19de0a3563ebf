-- FIND  KEYS {p}:h {p}:s  ARGV run id position -> position, or nil
--
-- Of the earliest held update with that id, unless it was known already when it came; of the last
-- removed one; or, where a position is asked for, that one, if it stands in this history and nothing
-- behind it is removed.
local call = redis.call
local H, S, I = KEYS[1], KEYS[2], string.sub(KEYS[1], 1, -2) .. 'i:'
local h = call('HMGET', H, 'run', 'seg', 'lo', 'rem', 'remid', 'end', 'state')
if h[1] ~= ARGV[1] or h[7] ~= 'open' then return redis.error_reply('RUN ' .. tostring(h[1])) end
if ARGV[3] ~= '' then
  local r, a = string.match(ARGV[3], '^(%d+)%-(%d+)$'); local rr, ra = string.match(h[4], '^(%d+)%-(%d+)$')
  r, a, rr, ra = tonumber(r), tonumber(a), tonumber(rr), tonumber(ra)
  if r < rr or (r == rr and a < ra) then return false end
  local known = ARGV[3] == h[4] or ARGV[3] == h[6] or call('XRANGE', S, ARGV[3], ARGV[3])[1]
  return known and ARGV[3] or false
end
for s = h[3], h[2] do
  local seg = string.format('%.0f', s)
  local v = call('HGET', I .. seg, ARGV[2])
  if v then
    if string.sub(v, 1, 1) == 'k' then return false end
    return (seg == h[2] and string.match(h[6], '^%d+') or string.match(call('HGET', H, 'g:' .. seg), '^(%d+)')) .. '-' .. v
  end
end
return h[5] == ARGV[2] and h[5] ~= '' and h[4] or false
