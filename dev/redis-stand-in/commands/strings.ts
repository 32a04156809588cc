import { type CommandTable, read, write } from '../command.ts'
import type { Keyspace } from '../keyspace.ts'
import { type Bytes, CommandError, expiryMoment, isInt64, OK, parseInt64, type Reply, syntaxError, wrongArity } from '../reply.ts'
import { stringRange } from './range.ts'

const MAX_STRING_BYTES = 256 * 1024 * 1024 // half of Redis' limit: V8 holds no string of 512 MB

/** GET, SET and what else is done to strings. */
export const strings: CommandTable = {
  get: read(2, ([key = ''], { keyspace }) => keyspace.string(key) ?? null),
  mget: read(-2, (keys, { keyspace }) => keys.map((key) => stringOrNull(keyspace, key))),
  strlen: read(2, ([key = ''], { keyspace }) => keyspace.string(key)?.length ?? 0),
  getrange: read(4, ([key = '', from = '', to = ''], { keyspace }) => {
    const [start, end] = [parseInt64(from), parseInt64(to)]
    const value = keyspace.string(key) ?? ''
    return value.slice(...stringRange(start, end, value.length))
  }),
  set: write(-3, ([key = '', value = '', ...options], { keyspace, nowMs }) => {
    const { only, keep, answersOld, endsAtMs } = parseSetOptions(options, nowMs())
    const old = answersOld ? (keyspace.string(key) ?? null) : null
    const allowed = only === undefined || (only === 'XX') === keyspace.has(key)
    if (!allowed) return old
    keyspace.has(key) // an end that has come is not one to keep
    keyspace.put(key, value)
    if (endsAtMs !== undefined) keyspace.expireAt(key, endsAtMs)
    else if (!keep) keyspace.persist(key)
    return answersOld ? old : OK
  }),
  mset: write(-3, (args, { keyspace }) => {
    if (args.length % 2) throw wrongArity('mset')
    for (let i = 0; i < args.length; i += 2) {
      keyspace.put(args[i] ?? '', args[i + 1] ?? '')
      keyspace.persist(args[i] ?? '')
    }
    return OK
  }),
  append: write(3, ([key = '', tail = ''], { keyspace }) => {
    const value = keyspace.string(key) ?? ''
    assertFits(value.length + tail.length)
    keyspace.put(key, value + tail)
    return value.length + tail.length
  }),
  setrange: write(4, ([key = '', at = '', patch = ''], { keyspace }) => {
    const offset = Number(parseInt64(at))
    if (offset < 0) throw new CommandError('ERR offset is out of range')
    const value = keyspace.string(key)
    if (patch === '') return value?.length ?? 0
    assertFits(offset + patch.length)
    const head = (value ?? '').slice(0, offset).padEnd(offset, '\0')
    const patched = head + patch + (value ?? '').slice(offset + patch.length)
    keyspace.put(key, patched)
    return patched.length
  }),
  incr: write(2, ([key = ''], { keyspace }) => add(keyspace, key, 1n)),
  decr: write(2, ([key = ''], { keyspace }) => add(keyspace, key, -1n)),
  incrby: write(3, ([key = '', amount = ''], { keyspace }) => add(keyspace, key, parseInt64(amount))),
  decrby: write(3, ([key = '', amount = ''], { keyspace }) => {
    const value = parseInt64(amount)
    if (!isInt64(-value)) throw new CommandError('ERR decrement would overflow')
    return add(keyspace, key, -value)
  }),
}

function stringOrNull(keyspace: Keyspace, key: Bytes): Bytes | null {
  const value = keyspace.get(key)
  return typeof value === 'string' ? value : null
}

function add(keyspace: Keyspace, key: Bytes, amount: bigint): Reply {
  const sum = parseInt64(keyspace.string(key) ?? '0') + amount
  if (!isInt64(sum)) throw new CommandError('ERR increment or decrement would overflow')
  keyspace.put(key, String(sum))
  return sum
}

function assertFits(bytes: number): void {
  if (bytes > MAX_STRING_BYTES) throw new CommandError('ERR string exceeds maximum allowed size (proto-max-bulk-len)')
}

interface SetOptions {
  readonly only: 'NX' | 'XX' | undefined
  readonly keep: boolean
  readonly answersOld: boolean
  readonly endsAtMs: number | undefined
}

function parseSetOptions(options: readonly Bytes[], nowMs: number): SetOptions {
  let only: 'NX' | 'XX' | undefined
  let expiry: { unit: string; amount: Bytes } | undefined
  let keep = false
  let answersOld = false
  for (let i = 0; i < options.length; i++) {
    const option = (options[i] ?? '').toUpperCase()
    const amount = options[i + 1]
    if ((option === 'NX' || option === 'XX') && (only === undefined || only === option)) only = option
    else if (option === 'GET') answersOld = true
    else if (option === 'KEEPTTL' && !expiry) keep = true
    else if (/^(EX|PX|EXAT|PXAT)$/.test(option) && !keep && amount !== undefined && (expiry?.unit ?? option) === option) {
      expiry = { unit: option, amount }
      i++
    } else throw syntaxError()
  }
  return { only, keep, answersOld, endsAtMs: expiry && setEnd(expiry, nowMs) }
}

function setEnd({ unit, amount }: { unit: string; amount: Bytes }, nowMs: number): number {
  const value = parseInt64(amount)
  if (value <= 0n) throw new CommandError("ERR invalid expire time in 'set' command")
  return expiryMoment(value, { seconds: unit.startsWith('E'), fromMs: unit.endsWith('AT') ? 0 : nowMs }, 'set')
}
