import { createHash } from 'node:crypto'
import { createClient } from 'redis'
import { SCRIPTS } from '../../contract/l2/scripts.ts'
import { createTierOver, type RedisCommands } from '../../worker/adapters/redis-tier.ts'
import { withDeadline } from '../../worker/cache/deadline.ts'
import type { SharedTier } from '../../worker/cache/ports.ts'
import { withNames } from '../../worker/cache/with-names.ts'
import { clock } from '../../worker/runtime.ts'

const DEADLINE_MS = 250

/** A plain Redis rejects the flag by which Upstash lifts its lock, and so knows each script by another hash. */
const plainTextOf = (text: string): string => text.replace(/^#!lua.*\n/, '')
const plainShas = new Map<string, string>(
  Object.values(SCRIPTS).map(({ sha, text }) => [sha, createHash('sha1').update(plainTextOf(text)).digest('hex')] as const),
)

/** Our tier over TCP, as the peers talk to Redis: what ours costs without HTTP and a façade in between. */
export async function createTcpTier(port: number, prefix: string): Promise<SharedTier> {
  const client = createClient({ socket: { host: '127.0.0.1', port } })
  client.on('error', () => {}) // each call tells for itself
  await client.connect()
  const inTime = <T>(call: () => Promise<T>): Promise<T> => withDeadline(clock, DEADLINE_MS, call)
  const commands: RedisCommands = {
    mget: (keys) => inTime(() => client.mGet(keys)),
    evalsha: (sha, keys, args) => inTime(() => client.evalSha(plainShas.get(sha) ?? sha, { keys, arguments: args })),
    eval: (text, keys, args) => inTime(() => client.eval(plainTextOf(text), { keys, arguments: args })),
  }
  return withNames(createTierOver(commands, { prefix, deadlineMs: DEADLINE_MS, clock }), (key) => `v:${key}`)
}
