import type { ErrorReply } from 'redis'
import { type Command, nameOf, type RedisCommander, type Reply } from './redis-commander.ts'

/** Redis as seen through a replica that lags behind its primary. */
export type LaggingReplica = {
  /** Writes and scripts reach the primary. `seenWrites` is the caller's sync token: it is never shown an older state than that. */
  run(commands: readonly Command[], seenWrites?: number): Promise<Reply[]>
  /** Always on the primary, its reads too. */
  transact(commands: readonly Command[]): Promise<Reply[] | ErrorReply>
  setLagMs(lagMs: number): void
  /** How many commands that may write have been sent. */
  readonly writes: number
}

/** Commands that cannot write: what a replica answers and a read-only token may run. As on Upstash, KEYS and SCAN are not among them. */
const READS = new Set(
  `GET MGET EXISTS TTL PTTL STRLEN GETRANGE TYPE HGET HMGET HGETALL HKEYS HVALS HLEN HEXISTS LRANGE LLEN LINDEX SMEMBERS SISMEMBER SCARD
  ZRANGE ZREVRANGE ZRANGEBYSCORE ZREVRANGEBYSCORE ZSCORE ZMSCORE ZCARD ZCOUNT ZRANK ZREVRANK EVAL_RO EVALSHA_RO PING ECHO`.split(/\s+/),
)
export const onlyReads = (command: Command): boolean => READS.has(nameOf(command))

type Before = { readonly atMs: number; readonly write: number; readonly values: Promise<readonly Reply[]>; readonly index: number }

/**
 * Answers GET and MGET with the value each key had `lagMs` ago, and sends everything else on as it is.
 *
 * It keeps what a write is about to overwrite: an MGET of its keys, sent just before it on the same connection. So only string
 * values are seen late; the keys of a script are those it declares; a FLUSHDB, a key that expires and writes that do not pass
 * through here are seen at once, and so is a write sent while the lag was 0.
 */
export function withReplicaLag(redis: RedisCommander, initialLagMs: number): LaggingReplica {
  let lagMs = initialLagMs
  let writes = 0
  let sweepAtMs = 0
  const history = new Map<string, Before[]>() // oldest first

  const remember = (command: Command): void => {
    writes += 1
    const keys = lagMs > 0 ? keysWrittenBy(command) : []
    if (keys.length === 0) return
    const atMs = performance.now()
    if (atMs >= sweepAtMs) sweep(atMs)
    const values = redis.run([['MGET', ...keys]]).then(
      ([reply]) => (Array.isArray(reply) ? reply : []),
      () => [],
    )
    keys.map(String).forEach((key, index) => {
      const before = { atMs, write: writes, values, index }
      const entries = history.get(key)
      if (entries) entries.push(before)
      else history.set(key, [before])
    })
  }
  const sweep = (nowMs: number): void => {
    sweepAtMs = nowMs + lagMs
    for (const [key, entries] of history) {
      const kept = entries.filter((entry) => entry.atMs > nowMs - lagMs)
      if (kept.length > 0) history.set(key, kept)
      else history.delete(key)
    }
  }
  const valueAt = async (momentMs: number, seenWrites: number, key: Command[number], current: Reply): Promise<Reply> => {
    const undone = history.get(String(key))?.find((entry) => entry.atMs > momentMs && entry.write > seenWrites)
    const before = (await undone?.values)?.[undone?.index ?? 0]
    return before === undefined ? current : before
  }
  const runOne = async (command: Command, seenWrites: number): Promise<Reply> => {
    if (!onlyReads(command)) remember(command)
    const momentMs = performance.now() - lagMs
    const [reply = null] = await redis.run([command])
    const [, ...keys] = command
    if (lagMs === 0) return reply
    if (nameOf(command) === 'GET' && keys[0] !== undefined) return valueAt(momentMs, seenWrites, keys[0], reply)
    if (nameOf(command) !== 'MGET' || !Array.isArray(reply)) return reply
    return Promise.all(reply.map((current, index) => valueAt(momentMs, seenWrites, keys[index] ?? '', current)))
  }
  return {
    run: (commands, seenWrites = 0) => Promise.all(commands.map((command) => runOne(command, seenWrites))),
    transact: (commands) => {
      for (const command of commands) if (!onlyReads(command)) remember(command)
      return redis.transact(commands)
    },
    setLagMs: (ms) => {
      lagMs = ms
      if (ms === 0) history.clear()
    },
    get writes() {
      return writes
    },
  }
}

/** The keys a command may write: by default its first argument, which costs a useless look-up where that is no key. */
function keysWrittenBy(command: Command): Command {
  const [, ...rest] = command
  switch (nameOf(command)) {
    case 'EVAL':
    case 'EVALSHA':
    case 'FCALL':
      return rest.slice(2, 2 + Number(rest[1]))
    case 'DEL':
    case 'UNLINK':
      return rest
    case 'MSET':
    case 'MSETNX':
      return rest.filter((_, index) => index % 2 === 0)
    case 'RENAME':
    case 'RENAMENX':
    case 'COPY':
      return rest.slice(0, 2)
    default:
      return rest.slice(0, 1)
  }
}
