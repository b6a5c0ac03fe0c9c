-- Draws units from budgets: the twin of store/limit/limittest, which says the
-- same in Go. A budget is a hash:
--   d  ticks that are owed     t  at this microsecond
--   h  units held in advance   x  no lease ends before this microsecond
--   l:HOLDER  a lease: "units end sequence"
-- All numbers are whole and below 2^53, where a double is exact.
--
-- KEYS: one per draw. ARGV: holder, sequence, length of a lease in
-- microseconds, then for each group the number of its draws, and 11 numbers
-- for each draw. Answers five numbers for each draw.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local mine, sequence, life = 'l:' .. ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local floor, ceil, max, min = math.floor, math.ceil, math.max, math.min

-- A server whose clock is further back than this is another one.
local JITTER = 1000000

local function text(n) return string.format('%.0f', n) end

local function lease(s)
  local units, ends, seq = string.match(s, '^(%d+) (%d+) (%d+)$')
  return tonumber(units), tonumber(ends), tonumber(seq)
end

-- Time that has passed pays off what is owed, but not what is held.
local function decay(b, to)
  b.d = max(b.d - (to - b.t) * b.per, min(b.d, b.h * b.T))
  b.t = to
end

-- Leases that have ended no longer hold the budget back from then on.
local function expire(b, key)
  local ended, earliest = {}, nil
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, 2) == 'l:' then
      local units, ends = lease(all[i + 1])
      if ends <= now then
        ended[#ended + 1] = { all[i], units, ends }
      elseif not earliest or ends < earliest then
        earliest = ends
      end
    end
  end
  table.sort(ended, function(a, c) return a[3] < c[3] end)
  for _, e in ipairs(ended) do
    if e[3] > b.t then decay(b, e[3]) end
    b.h = max(b.h - e[2], 0)
    redis.call('HDEL', key, e[1])
  end
  b.x = earliest or 0
end

local function load(key)
  local got = redis.call('HMGET', key, 'd', 't', 'h', 'x', mine)
  local b = {
    d = tonumber(got[1]) or 0, t = tonumber(got[2]) or now,
    h = tonumber(got[3]) or 0, x = tonumber(got[4]) or 0,
    units = 0, ends = 0, seq = -1,
  }
  if got[5] then b.units, b.ends, b.seq = lease(got[5]) end
  return b
end

local answer, at, k = {}, 4, 0
while at <= #ARGV do
  local draws, ok = {}, true
  for i = 1, tonumber(ARGV[at]) do
    k = k + 1
    local n = {}
    for j = 1, 11 do n[j] = tonumber(ARGV[at + (i - 1) * 11 + j]) end
    local key = KEYS[k]
    local b = load(key)
    b.key, b.per, b.T, b.tol = key, n[1], n[2], n[3]
    b.cost, b.extra, b.hold, b.keep = n[4], n[5], n[6] == 1, n[7]
    if b.t > now + JITTER then b.t = now end
    if b.x > 0 and b.x <= now then
      expire(b, key)
      if b.ends <= now then b.units, b.ends = 0, 0 end
    end
    if b.t < now then decay(b, now) end
    -- A call that was overtaken by a later one knows less than the lease does.
    b.late = b.ends > 0 and sequence <= b.seq
    if b.late then
      b.extra, b.denied = 0, b.hold
    else
      local keep = min(b.keep, b.units)
      local back = min(n[8], b.units - keep)
      b.h = b.h - (b.units - keep)
      b.d = b.d - back * b.T
      b.keep = keep
    end
    local refund = n[10] * b.T - max(now - n[11], 0) * b.per
    if refund > 0 then b.d = b.d - refund end
    b.d = max(min(b.d + n[9] * b.T, 2 * b.tol), b.h * b.T, 0)
    -- What costs more than the budget holds is never there.
    b.lacks = b.d + b.cost * b.T - b.tol
    if b.lacks > 0 then b.denied = true end
    if b.denied then ok = false end
    draws[i] = b
  end
  at = at + 1 + #draws * 11
  for i, b in ipairs(draws) do
    local given = 0
    if ok then
      given = b.cost
      b.d = b.d + b.cost * b.T
      local more = max(min(b.extra, floor((b.tol - b.d) / b.T / 2)), 0)
      given = given + more
      b.d = b.d + more * b.T
      if b.hold then b.h = b.h + given end
    end
    local write = { 'd', text(b.d), 't', text(b.t) }
    local ends = b.ends
    if not b.late then
      local units = b.keep
      if b.hold then units = units + given end
      if units > 0 then
        ends = now + life
        -- After the clock went back this one can end before the others.
        if b.x == 0 or ends < b.x then b.x = ends end
        write[#write + 1] = mine
        write[#write + 1] = text(units) .. ' ' .. text(ends) .. ' ' .. text(sequence)
      elseif b.ends > 0 then
        redis.call('HDEL', b.key, mine)
        ends = 0
      end
    end
    write[#write + 1] = 'h'
    write[#write + 1] = text(b.h)
    write[#write + 1] = 'x'
    write[#write + 1] = text(b.x)
    if b.d > 0 or b.h > 0 then
      redis.call('HSET', b.key, unpack(write))
      -- What is owed is paid by then, and every lease has ended.
      redis.call('PEXPIRE', b.key, text(ceil((b.d / b.per + max(b.t - now, 0)) / 1000 + life / 1000) + 1000))
    else
      redis.call('DEL', b.key)
    end
    local wait = 0
    if b.denied then wait = max(ceil(b.lacks / b.per), 1) + max(b.t - now, 0) end
    answer[#answer + 1] = given
    answer[#answer + 1] = max(floor((b.tol - b.d) / b.T), 0)
    answer[#answer + 1] = wait
    answer[#answer + 1] = now
    answer[#answer + 1] = b.denied and 1 or 0
  end
end
return answer
