import fc from 'fast-check'
import type { Bytes } from '../../../dev/redis-stand-in/reply.ts'
import { KEYS, type Step } from './step.ts'

export const anyKey = fc.constantFrom(...KEYS)
const anyBytes = fc.string({ unit: fc.nat(255).map((byte) => String.fromCharCode(byte)), maxLength: 12 })
const anyValue = fc.oneof(
  fc.constantFrom('', '0', '5', '-7', '10', '007', ' 1', '1.5', 'v', 'OK', '9223372036854775807', '-9223372036854775808', 'x'.repeat(70)),
  anyBytes,
)
const anyNumber = fc.constantFrom('0', '1', '-1', '2', '5', '-5', '100', 'x', '', '+1', '9223372036854775807', '-9223372036854775808')
const anyOffset = fc.constantFrom('0', '1', '3', '9', '40', '-1', '536870912', 'x')
/** Milliseconds, seconds, moments: see `DUMP` for the odd numbers. Never a moment that is near. */
const anyMs = fc.constantFrom('150000', '950000', '86350000', '0', '-1', 'x', '9223372036854775807')
const anySeconds = fc.constantFrom('150', '950', '86350', '0', '-1', 'x', '9223372036854775807')
const anyMomentMs = fc.constantFrom('4000000000000', '4100000000123', 'x')
const anyMomentS = fc.constantFrom('4000000000', '4100000000', 'x')
const pastMoment = fc.constantFrom('1', '-1', '1000')

const setOption = fc.oneof(
  fc.constantFrom(['NX'], ['XX'], ['GET'], ['KEEPTTL'], ['nx'], ['PX'], ['OOPS']),
  anyMs.map((ms) => ['PX', ms]),
  anySeconds.map((seconds) => ['ex', seconds]),
  anyMomentMs.map((moment) => ['PXAT', moment]),
  anyMomentS.map((moment) => ['EXAT', moment]),
)
const expireOption = fc.constantFrom('NX', 'XX', 'GT', 'LT', 'gt', 'OOPS')

/** A name, in either case, with its arguments. */
const words = (name: string, ...args: fc.Arbitrary<Bytes | readonly Bytes[]>[]): fc.Arbitrary<readonly Bytes[]> =>
  fc.tuple(fc.constantFrom(name, name, name.toLowerCase()), ...args).map((all) => all.flat())
const someKeys = fc.array(anyKey, { minLength: 1, maxLength: 4 })
const some = <T>(one: fc.Arbitrary<T>, maxLength = 2) => fc.array(one, { maxLength })
const options = (one: fc.Arbitrary<readonly Bytes[]>) => some(one).map((all) => all.flat())
/** Short values: a hash with a long one has no order to rely on. */
const fields = fc.array(fc.tuple(fc.constantFrom('f', 'g', ''), anyBytes), { minLength: 1, maxLength: 3 }).map((all) => all.flat())

const NAMES =
  `GET SET MGET MSET DEL UNLINK EXISTS APPEND STRLEN GETRANGE SETRANGE INCR INCRBY DECR DECRBY EXPIRE PEXPIRE EXPIREAT PEXPIREAT TTL PTTL
  EXPIRETIME PEXPIRETIME PERSIST TYPE KEYS DBSIZE HSET HGET HGETALL LPUSH RPUSH LRANGE LLEN PING ECHO EVAL EVALSHA EVAL_RO MULTI EXEC
  DISCARD NOPE nope2`.split(/\s+/)

/** Commands as callers send them, and as they would not. */
export const anyCommand: fc.Arbitrary<readonly Bytes[]> = fc.oneof(
  { arbitrary: words('GET', anyKey), weight: 3 },
  { arbitrary: words('SET', anyKey, anyValue, options(setOption)), weight: 6 },
  { arbitrary: words('MGET', someKeys), weight: 2 },
  words(
    'MSET',
    fc.array(fc.tuple(anyKey, anyValue), { minLength: 1, maxLength: 3 }).map((all) => all.flat()),
  ),
  words('DEL', someKeys),
  words('UNLINK', someKeys),
  words('EXISTS', someKeys),
  words('TYPE', anyKey),
  { arbitrary: words('APPEND', anyKey, anyValue), weight: 2 },
  words('STRLEN', anyKey),
  { arbitrary: words('GETRANGE', anyKey, anyNumber, anyNumber), weight: 3 },
  { arbitrary: words('SETRANGE', anyKey, anyOffset, anyValue), weight: 3 },
  words('INCR', anyKey),
  words('DECR', anyKey),
  words('INCRBY', anyKey, anyNumber),
  words('DECRBY', anyKey, anyNumber),
  { arbitrary: words('PEXPIRE', anyKey, anyMs, some(expireOption)), weight: 2 },
  words('EXPIRE', anyKey, anySeconds, some(expireOption)),
  words('PEXPIREAT', anyKey, fc.oneof(anyMomentMs, pastMoment), some(expireOption)),
  words('EXPIREAT', anyKey, fc.oneof(anyMomentS, pastMoment), some(expireOption)),
  words('PERSIST', anyKey),
  fc.constantFrom(
    ['PTTL', 'absent'],
    ['TTL', 'absent'],
    ['PEXPIRETIME', 'absent'],
    ['EXPIRETIME', 'absent'],
    ['DBSIZE'],
    ['PING'],
    ['SELECT', '0'],
  ),
  words('HSET', anyKey, fields),
  words('HGET', anyKey, fc.constantFrom('f', 'g')),
  words('HGETALL', anyKey),
  words('LPUSH', anyKey, some(anyValue, 3)),
  words('RPUSH', anyKey, some(anyValue, 3)),
  words('LRANGE', anyKey, anyNumber, anyNumber),
  words('LLEN', anyKey),
  words('ECHO', anyValue),
  { arbitrary: fc.constantFrom(['MULTI'], ['EXEC'], ['DISCARD']), weight: 3 },
  fc.constantFrom(
    ['CONFIG', 'GET', 'maxmemory'],
    ['config', 'nope'],
    ['CONFIG'],
    ['CONFIG', 'GET'],
    ['CLIENT', 'GETNAME'],
    ['CLIENT', 'NOPE', 'x'],
  ),
  fc.constantFrom(
    ['SCRIPT', 'EXISTS', 'f'.repeat(40)],
    ['SCRIPT', 'LOAD', 'return 1'],
    ['SCRIPT', 'LOAD', 'return ='],
    ['SCRIPT', 'NOPE'],
    ['SCRIPT'],
  ),
  fc.constantFrom(
    ['EVALSHA', 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db', '0'],
    ['evalsha', 'E0E1F9FABFC9D4800C877A703B823AC0578FF8DB', '0'],
  ),
  words('KEYS', fc.constantFrom('a', '?', '[ab]', '[^abc]', 'a*', '\\a', '')).map((all) => [
    'EVAL',
    "local k = redis.call('KEYS', ARGV[1]) table.sort(k) return k",
    '0',
    ...all.slice(1),
  ]),
  {
    arbitrary: fc
      .tuple(fc.constantFrom(...NAMES), some(fc.oneof(anyKey, anyNumber), 4))
      .filter(isHarmless)
      .map(([name, args]) => [name, ...args]),
    weight: 3,
  },
)

/** Not a question about time left, whose answer differs from one moment to the next, nor one whose order is a server's own. */
function isHarmless([name, args]: [string, Bytes[]]): boolean {
  const asks = /^(P?TTL|P?EXPIRETIME|KEYS)$/.test(name) && args.length === 1
  const gives = /^P?EXPIRE(AT)?$/.test(name) && args.length >= 2 // lives that end while we look
  return !asks && !gives
}

export const anyRequest: fc.Arbitrary<Step> = anyCommand.map((words) => ({ words }))
export const anyEnd: fc.Arbitrary<Step> = anyKey.map((ends) => ({ ends }))
