import type { Bytes } from '../../../dev/redis-stand-in/reply.ts'

/** What happens next: a request, or a key whose end comes now. */
export type Step = { readonly words: readonly Bytes[] } | { readonly ends: Bytes }

/** Few keys, that steps meet each other; one of bytes that are no text. */
export const KEYS: readonly Bytes[] = ['a', 'b', 'c', '\xff\0 ']

export const encodeRequest = (words: readonly Bytes[]): Bytes =>
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`

/**
 * Reads everything that is stored, sorted. Time left is told in steps of 100 s, and lives are given so that they end in the middle of
 * one: two servers asked within seconds of each other say the same. An end after 2065 was given as a moment, and is told exactly.
 */
export const DUMP = `local keys, out = redis.call('KEYS', '*'), {}
table.sort(keys)
for _, key in ipairs(keys) do
  local type = redis.call('TYPE', key).ok
  local value = type == 'string' and redis.call('GET', key) or type == 'hash' and redis.call('HGETALL', key) or redis.call('LRANGE', key, 0, -1)
  local ends = redis.call('PEXPIRETIME', key)
  if ends > 0 and ends < 3e12 then ends = math.floor(redis.call('PTTL', key) / 100000) end
  out[#out + 1] = {key, type, value, tostring(ends)}
end
return out`

/** Before each sequence, and after it. */
export const OPENING: readonly Step[] = [{ words: ['FLUSHALL'] }, { words: ['SCRIPT', 'FLUSH'] }]
export const CLOSING: readonly Step[] = [{ words: ['DISCARD'] }, { words: ['EVAL', DUMP, '0'] }]
