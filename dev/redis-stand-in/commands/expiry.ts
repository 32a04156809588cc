import { type CommandTable, type Run, read, write } from '../command.ts'
import { type Bytes, CommandError, expiryMoment, parseInt64 } from '../reply.ts'

const NO_KEY = -2
const NO_END = -1

/** How long keys live. */
export const expiry: CommandTable = {
  ttl: read(2, left(seconds)),
  pttl: read(
    2,
    left((ms) => ms),
  ),
  expiretime: read(2, end(seconds)),
  pexpiretime: read(
    2,
    end((ms) => ms),
  ),
  persist: write(2, ([key = ''], { keyspace }) => (keyspace.has(key) && keyspace.persist(key) ? 1 : 0)),
  expire: write(-3, expire('expire', { seconds: true, relative: true })),
  pexpire: write(-3, expire('pexpire', { seconds: false, relative: true })),
  expireat: write(-3, expire('expireat', { seconds: true, relative: false })),
  pexpireat: write(-3, expire('pexpireat', { seconds: false, relative: false })),
}

function seconds(ms: number): number {
  return Math.floor((ms + 500) / 1000)
}

function end(unit: (ms: number) => number): Run {
  return ([key = ''], { keyspace }) => {
    if (!keyspace.has(key)) return NO_KEY
    const endsAtMs = keyspace.endsAtMs(key)
    return endsAtMs === undefined ? NO_END : unit(endsAtMs)
  }
}

function left(unit: (ms: number) => number): Run {
  return (args, context) => {
    const endsAtMs = Number(end((ms) => ms)(args, context))
    return endsAtMs < 0 ? endsAtMs : unit(endsAtMs - context.nowMs())
  }
}

function expire(name: string, { seconds, relative }: { seconds: boolean; relative: boolean }): Run {
  return ([key = '', amount = '', ...options], { keyspace, nowMs }) => {
    const applies = parseCondition(options)
    const endsAtMs = expiryMoment(parseInt64(amount), { seconds, fromMs: relative ? nowMs() : 0 }, name)
    if (!keyspace.has(key) || !applies(keyspace.endsAtMs(key), endsAtMs)) return 0
    if (endsAtMs <= nowMs()) keyspace.remove(key)
    else keyspace.expireAt(key, endsAtMs)
    return 1
  }
}

/** Whether the options NX, XX, GT and LT let a new end replace the one there is. A key without an end lives for ever. */
function parseCondition(options: readonly Bytes[]): (oldEnd: number | undefined, newEnd: number) => boolean {
  const given = new Set(options.map((option) => option.toUpperCase()))
  for (const option of options) {
    if (!/^(NX|XX|GT|LT)$/i.test(option)) throw new CommandError(`ERR Unsupported option ${option}`)
  }
  if (given.has('NX') && given.size > 1) throw new CommandError('ERR NX and XX, GT or LT options at the same time are not compatible')
  if (given.has('GT') && given.has('LT')) throw new CommandError('ERR GT and LT options at the same time are not compatible')
  return (oldEnd, newEnd) =>
    !(given.has('NX') && oldEnd !== undefined) &&
    !(given.has('XX') && oldEnd === undefined) &&
    !(given.has('GT') && newEnd <= (oldEnd ?? Number.POSITIVE_INFINITY)) &&
    !(given.has('LT') && newEnd >= (oldEnd ?? Number.POSITIVE_INFINITY))
}
