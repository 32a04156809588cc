import { randomUUID } from 'node:crypto'
import { createClient } from 'redis'
import { chooseRedis } from '../../dev/redis-server.ts'
import { startRedis, type TestRedis } from '../../test/support/redis.ts'
import type { CacheSettings } from './contender.ts'
import type { open as openFacade } from './facade.ts'
import { openProcess } from './process.ts'
import { sum } from './statistics.ts'

const FACADE = new URL('facade.ts', import.meta.url).href

/** A Redis and, in a process of its own, the façade that ours speaks to. */
export interface Store {
  readonly redis: TestRedis
  readonly settings: Pick<CacheSettings, 'redisPort' | 'redisRest'>
  /** HTTP requests to the façade, and commands to Redis, since the start. */
  sent(): Promise<{ readonly requests: number; readonly commands: number }>
  /** CPU seconds of the façade's process since its start. */
  facadeCpuS(): Promise<number>
  stop(): Promise<void>
}

/** What a scenario measures in. */
export interface World {
  /** The store that cases share. */
  readonly store: Store
  /** A store of a case's own, to be stopped by it. */
  ownStore(latencyMs?: number): Promise<Store>
  /** Names keys that nobody used before. */
  newNamespace(): string
  /** Keeps data of a run beside its figures: for the picture. */
  note(data: readonly number[]): void
}

export const newNamespace = (): string => `bench-${randomUUID().slice(0, 8)}`

/** Starts a real redis-server on a free port; throws `UsageError` where none is installed. */
export async function startStore(latencyMs = 0): Promise<Store> {
  const redis = await startRedis({ program: await chooseRedis('real') })
  const token = randomUUID()
  const facade = await openProcess<Awaited<ReturnType<typeof openFacade>>>(FACADE, { redisUrl: redis.url, token, latencyMs })
  const url = await facade.ask('url', undefined)
  return {
    redis,
    settings: { redisPort: redis.port, redisRest: { url, token } },
    sent: async () => ({ requests: await facade.ask('requests', undefined), commands: await commandsOf(redis.url) }),
    facadeCpuS: () => facade.ask('cpuS', undefined),
    async stop() {
      await facade.stop()
      await redis.stop()
    },
  }
}

/** What says hello and asks how it is does not count. */
const IDLE = /^(?:info|config|client|hello|ping|select|subscribe|command)/

async function commandsOf(url: string): Promise<number> {
  const client = createClient({ url }).on('error', () => {})
  try {
    await client.connect()
    const stats = String(await client.sendCommand(['INFO', 'commandstats']))
    const counts = [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name = '', calls]) =>
      IDLE.test(name) ? 0 : Number(calls),
    )
    return sum(counts)
  } finally {
    client.destroy()
  }
}
