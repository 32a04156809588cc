import { FRAME, FRAME_LENGTH, FRAME_VERSION } from './value.ts'

/**
 * The scripts both sides run in L2 (docs/architecture.md, The scripts). Each declares every key it touches, so Upstash may lift its global lock;
 * each is judged and answered per key. Ids, moments and versions are compared as strings of fixed width, never as numbers.
 * A change here changes `test/real/protocol*.test.ts` in the same commit.
 */
export interface Script {
  readonly name: string
  readonly text: string
  /** SHA-1 of the text, for EVALSHA; a test holds it to the text. */
  readonly sha: string
}

/** Characters of a lease token. */
export const TOKEN_LENGTH = 22
/** A lease records at most this many pushes; beyond it, its fill is refused. */
export const MAX_RECORDED = 64
/** A value whose tail holds more pushes than this is stale at once; with twice as many it is dropped. */
export const MAX_TAIL = 64

const FLAGS = '#!lua flags=allow-key-locking\n'
const sub = (text: string, [from, to]: readonly [number, number]) => `string.sub(${text}, ${from}, ${to})`
/** Reads the frame of a key's value; what is no frame of this version (garbage, a later format) is none. */
const frameOf = (key: string) => `local frame = ${head(key)}
  if #frame ~= ${FRAME_LENGTH} or not string.find(frame, '^${FRAME_VERSION}%d+[+-]$') then frame = '' end`
const head = (key: string) => `redis.call('GETRANGE', ${key}, 0, ${FRAME_LENGTH - 1})`

/**
 * KEYS: value, lease, value, lease, …   ARGV: token, leaseMs, then per pair: least truth, soft end to beat, soft end seen, stamp seen.
 * Answers per pair a state (2 fresher: no load wanted; 1 granted; 0 refused) and the value where it differs from what was seen.
 * A push makes a value fuller, not fresher: only truth and soft end count as fresher. Who is granted the lease marks the value with it.
 */
const lease = `${FLAGS}local token, life = ARGV[1], ARGV[2]
local out = {}
for i = 1, #KEYS / 2 do
  local key, lease = KEYS[2 * i - 1], KEYS[2 * i]
  local a = 2 + (i - 1) * 4
  ${frameOf('key')}
  local fresher = frame ~= '' and ${sub('frame', FRAME.truth)} >= ARGV[a + 1] and ${sub('frame', FRAME.soft)} > ARGV[a + 2]
  local differs = frame ~= '' and (${sub('frame', FRAME.soft)} ~= ARGV[a + 3] or ${sub('frame', FRAME.stamp)} ~= ARGV[a + 4])
  local state = 0
  if fresher then
    state = 2
  elseif redis.call('SET', lease, token .. '00', 'PX', life, 'NX') then
    state = 1
    if frame ~= '' then redis.call('SETRANGE', key, ${FRAME.leased[0] - 1}, '1') end
  end
  out[#out + 1] = state
  out[#out + 1] = (fresher or differs) and redis.call('GET', key) or false
end
return out
`

/**
 * KEYS: value, lease, value, lease, …   ARGV: token, then per pair: milliseconds to keep, framed value (stamp 0, tail 0).
 * Answers per pair the new stamp and what was pushed meanwhile, or -1 where the fill is refused: the lease is lost (expired,
 * voided by an invalidation), it recorded too much, an absence was loaded where something was pushed, or a newer truth is stored.
 */
const fill = `${FLAGS}local token = ARGV[1]
local out = {}
for i = 1, #KEYS / 2 do
  local key, lease = KEYS[2 * i - 1], KEYS[2 * i]
  local life, value = ARGV[2 * i], ARGV[2 * i + 1]
  local held = redis.call('GET', lease)
  local stamp, pushed = -1, false
  if held and string.sub(held, 1, ${TOKEN_LENGTH}) == token then
    redis.call('DEL', lease)
    local count = string.sub(held, ${TOKEN_LENGTH + 1}, ${TOKEN_LENGTH + 2})
    ${frameOf('key')}
    if count ~= 'XX' and (count == '00' or ${sub('value', FRAME.presence)} == '+') and ${sub('frame', FRAME.truth)} <= ${sub('value', FRAME.truth)} then
      stamp = frame == '' and 1 or tonumber(${sub('frame', FRAME.stamp)}) + 1
      pushed = string.sub(held, ${TOKEN_LENGTH + 3})
      redis.call('SET', key, string.sub(value, 1, ${FRAME.stamp[0] - 1}) .. string.format('%08d', stamp) .. '0' .. count .. '0' .. string.sub(value, ${FRAME.presence[0]}) .. pushed, 'PX', life)
    end
  end
  out[#out + 1] = stamp
  out[#out + 1] = pushed
end
return out
`

/**
 * KEYS: value, lease, value, lease, …, heartbeat.   ARGV: entries, then per pair the index of its entry (3 digits, one text).
 * Appends where a value is present, and records in the lease where one is out, present or not, so that a push is never
 * lost to a fill in flight: a lease that is out either marked the value when it was granted, or there is no value, for only its own fill and
 * what voids it store one. Answers the heartbeat.
 *
 * It runs for every entry that is fanned out, and each command costs half a microsecond and more, the more so where a key is absent: so only leases that may be
 * out are asked for, eight at once; offsets are texts, because Redis prints a number with 17 digits before it hands it to itself; and what a stamp and a tail are
 * raised to is found once per call.
 */
const push = `${FLAGS}local sub, byte, format = string.sub, string.byte, string.format
local which, entries, stamps, tails, leases, missed = ARGV[#ARGV], {}, {}, {}, {}, {}
local last = (#KEYS - 1) / 2
for i = 1, #ARGV - 1 do entries[format('%03d', i)] = ARGV[i] end
for i = 1, last do
  local key, lease = KEYS[2 * i - 1], KEYS[2 * i]
  local entry = entries[sub(which, 3 * i - 2, 3 * i)]
  local frame = redis.call('GETRANGE', key, '0', '${FRAME_LENGTH - 1}')
  local unleased = false
  if frame ~= '' then
    local stamp, tail = ${sub('frame', FRAME.stamp).replace('string.', '')}, ${sub('frame', FRAME.tail).replace('string.', '')}
    if stamps[stamp] == nil then
      local number = tonumber(stamp)
      stamps[stamp] = number and format('%08d', number + 1) or false
    end
    if tails[tail] == nil then
      local number = tonumber(tail)
      tails[tail] = number and number < ${2 * MAX_TAIL} and format('%03d', number + 1) or false
    end
    local later, longer = stamps[stamp], tails[tail]
    if not later or not longer or byte(frame, ${FRAME.presence[0]}) ~= ${'+'.charCodeAt(0)} or byte(frame) ~= ${FRAME_VERSION.charCodeAt(0)} then
      redis.call('DEL', key)
    else
      if longer > '${String(MAX_TAIL).padStart(3, '0')}' then redis.call('SETRANGE', key, '${FRAME.soft[0] - 1}', '0000000000000') end
      redis.call('SETRANGE', key, '${FRAME.stamp[0] - 1}', later .. longer)
      redis.call('APPEND', key, entry)
      unleased = byte(frame, ${FRAME.leased[0]}) == ${'0'.charCodeAt(0)}
    end
  end
  if not unleased then
    leases[#leases + 1] = lease
    missed[#leases] = entry
  end
  if #leases == 8 or i == last and #leases > 0 then
    lease = leases[1]
    if redis.call('EXISTS', lease, ${[2, 3, 4, 5, 6, 7, 8].map((n) => `leases[${n}] or lease`).join(', ')}) > 0 then
      for n = 1, #leases do
        lease = leases[n]
        local count = redis.call('GETRANGE', lease, '${TOKEN_LENGTH}', '${TOKEN_LENGTH + 1}')
        if count ~= '' and count ~= 'XX' then
          if tonumber(count) >= ${MAX_RECORDED} then
            redis.call('SETRANGE', lease, '${TOKEN_LENGTH}', 'XX')
          else
            redis.call('SETRANGE', lease, '${TOKEN_LENGTH}', format('%02d', tonumber(count) + 1))
            redis.call('APPEND', lease, missed[n])
          end
        end
      end
    end
    leases = {}
  end
end
return redis.call('INCR', KEYS[#KEYS])
`

/**
 * KEYS: value, lease, value, lease, …, heartbeat.   ARGV per pair: truth version, milliseconds to keep, replacement ('' to drop).
 * Drops or replaces a value older than the truth version and voids the lease in any case, so that a slow fill cannot write
 * old truth back. With no pairs it is a beat. Answers the heartbeat.
 */
const invalidate = `${FLAGS}for i = 1, (#KEYS - 1) / 2 do
  local key, lease = KEYS[2 * i - 1], KEYS[2 * i]
  local truth, life, value = ARGV[3 * i - 2], ARGV[3 * i - 1], ARGV[3 * i]
  ${frameOf('key')}
  if ${sub('frame', FRAME.truth)} < truth then
    if value ~= '' then
      redis.call('SET', key, value, 'PX', life)
    else
      redis.call('DEL', key)
    end
  end
  redis.call('DEL', lease)
end
return redis.call('INCR', KEYS[#KEYS])
`

/**
 * KEYS: lease, lease, …   ARGV: token, milliseconds of rest. Lets each lease that the token still holds run out after the rest: a load that
 * failed is then tried again soon, but by one and not by everybody at once. To all others it looks like a lease that ran out.
 */
const release = `${FLAGS}for i = 1, #KEYS do
  local lease = KEYS[i]
  if redis.call('GETRANGE', lease, 0, ${TOKEN_LENGTH - 1}) == ARGV[1] then redis.call('PEXPIRE', lease, ARGV[2]) end
end
return 1
`

export const SCRIPTS = {
  lease: { name: 'lease', text: lease, sha: '21f083716401bf494b1420f9069cad3e9baca53e' },
  fill: { name: 'fill', text: fill, sha: '401307cee590e357d0f256a3843e4169b2f73283' },
  release: { name: 'release', text: release, sha: '147daea849e29d00e69d29cb2b14fbbef3108c29' },
  push: { name: 'push', text: push, sha: '0ae1c8f95ddeaede7730d8dce06b3e1e57298dc3' },
  invalidate: { name: 'invalidate', text: invalidate, sha: '955f0dc45c2c6415cc16fdf88e8bc041f8b27bf1' },
} as const satisfies Record<string, Script>
