import { setTimeout as sleep } from 'node:timers/promises'
import { mulberry32 } from '../../dev/random.ts'
import { SHARED_DEADLINE_MS } from '../../worker/cache/core.ts'
import { type Case, createCacheOf, OURS, staleMsOf } from './contender.ts'
import { openLoop } from './open-loop.ts'
import { type Page, pageOf } from './page.ts'
import { openReaders, type ReaderOptions } from './readers.ts'
import { barOn, type Scenario } from './scenario.ts'
import { quantile, zipfRanks } from './statistics.ts'
import type { World } from './world.ts'

const PER_SECOND = 500
const KEYS = 2_000
const LOAD_MS = 20
const TTL_MS = 1_000
const STALE_MS = 30_000
const UP_MS = 2_000
const DOWN_MS = 6_000
const BACK_MS = 2_000
/** Of an outage: until then a breaker may not have opened (milliseconds). */
const ONSET_MS = 500
/** A read that took longer than its load and some more waited for Redis (milliseconds). */
const WAITED_MS = 2 * LOAD_MS

export async function open({ one, settings }: ReaderOptions) {
  let unhandled = 0
  process.on('unhandledRejection', () => unhandled++)
  const load = async (key: string): Promise<Page> => {
    await sleep(LOAD_MS)
    return pageOf(key)
  }
  const ranks = zipfRanks(KEYS, 0.99, 1 << 16, mulberry32(3))
  const cache = await createCacheOf(one, { ...settings, load })
  await sleep(300) // a client without a queue refuses what comes before it is connected
  for (let rank = 0; rank < 50; rank++) await cache.get(`k${rank}`)
  let startedAtMs = 0
  let downAtMs = Number.POSITIVE_INFINITY
  return {
    /** Said by the parent at the moment it takes Redis away. */
    async down() {
      downAtMs = performance.now() - startedAtMs
    },
    async run() {
      startedAtMs = performance.now()
      const reads: { readonly atMs: number; tookMs?: number; failed?: boolean }[] = []
      await openLoop(PER_SECOND, UP_MS + DOWN_MS + BACK_MS, async (index) => {
        const read: (typeof reads)[number] = { atMs: performance.now() - startedAtMs }
        reads.push(read)
        try {
          await cache.get(`k${ranks[index % ranks.length]}`)
        } catch {
          read.failed = true
        }
        read.tookMs = performance.now() - startedAtMs - read.atMs
      })
      const between = (fromMs: number, toMs: number) => {
        const some = reads.filter(({ atMs }) => atMs >= downAtMs + fromMs && atMs < downAtMs + toMs)
        const took = some.map(({ tookMs = Number.POSITIVE_INFINITY }) => tookMs)
        return {
          waited: (100 * took.filter((ms) => ms > WAITED_MS).length) / some.length,
          p99: quantile(took, 0.99),
          most: Math.max(...took),
          errors: some.filter(({ failed }) => failed).length,
        }
      }
      return {
        onset: between(0, ONSET_MS),
        after: between(ONSET_MS, DOWN_MS),
        whole: between(0, DOWN_MS),
        back: between(DOWN_MS + 500, 1e9),
        unhandled,
      }
    },
  }
}

async function outage(one: Case, world: World, kind: 'killed' | 'hung') {
  const store = await world.ownStore()
  const settings = {
    ...store.settings,
    tiers: 'l1+l2',
    ttlMs: TTL_MS,
    staleMs: staleMsOf(one, STALE_MS),
    hardMs: TTL_MS + STALE_MS,
    namespace: world.newNamespace(),
  } as const
  try {
    const readers = await openReaders<Awaited<ReturnType<typeof open>>>(import.meta.url, 1, { one, settings })
    try {
      const running = readers.askAll('run', undefined, 45_000)
      await sleep(UP_MS)
      await store.redis.kill(kind === 'killed' ? 'SIGKILL' : 'SIGSTOP')
      await readers.askAll('down', undefined)
      await sleep(DOWN_MS)
      if (kind === 'killed') await store.redis.restart()
      else await store.redis.kill('SIGCONT')
      const [ran] = await running
      if (!ran) throw new Error('no reader')
      return ran
    } finally {
      await readers.stop()
    }
  } finally {
    await store.stop()
  }
}

export const redisOutage: Scenario = {
  name: 'redis-outage',
  title: 'Redis dead and Redis hung',
  about: `One process, ${PER_SECOND} reads/s of ${KEYS.toLocaleString('en-US')} keys by Zipf's law (cold ones keep coming), TTL ${TTL_MS / 1_000} s, load ${LOAD_MS} ms; Redis is killed, or stopped so that it accepts and never answers, for ${DOWN_MS / 1_000} s. Who took more than ${WAITED_MS} ms waited for Redis; "later" is from ${ONSET_MS / 1_000} s into the outage on. Tuned: ioredis without offline queue, commands given up after 200 ms. Ours speaks HTTP to a façade before that Redis, with its own deadline.`,
  cases: [
    ...(['stock', 'tuned'] as const).flatMap((client): Case[] => [
      { name: 'bentocache', label: `best, ${client} client`, features: 'best', client, mostRuns: 3 },
      { name: '@unkey/cache', label: `${client} client`, client, mostRuns: 3 },
      { name: 'layered-loader', label: `best, ${client} client`, features: 'best', client, mostRuns: 3 },
    ]),
    OURS,
  ],
  columns: [
    { figure: 'killedLater', title: 'dead: waited later', unit: ' %' },
    { figure: 'killedP99', title: 'dead: p99', unit: ' ms' },
    { figure: 'killedErrors', title: 'dead: errors' },
    { figure: 'hungOnsetMost', title: 'hung: slowest at first', unit: ' ms' },
    { figure: 'hungLater', title: 'hung: waited later', unit: ' %' },
    { figure: 'hungP99', title: 'hung: p99', unit: ' ms' },
    { figure: 'hungErrors', title: 'hung: errors' },
    { figure: 'unhandled', title: 'unhandled rejections' },
  ],
  bars: [
    barOn(
      OURS,
      'hungLater',
      'after the breaker opens <= 1 % of reads wait for L2: hung',
      ({ median }) => median <= 1,
      ({ median, max }) => `${median.toFixed(2)} % (most ${max.toFixed(2)})`,
    ),
    barOn(
      OURS,
      'killedLater',
      'after the breaker opens <= 1 % of reads wait for L2: dead',
      ({ median }) => median <= 1,
      ({ median, max }) => `${median.toFixed(2)} % (most ${max.toFixed(2)})`,
    ),
    barOn(
      OURS,
      'hungOnsetMost',
      `before: the L2 deadline (${SHARED_DEADLINE_MS} ms), then a load`,
      ({ median }) => median <= SHARED_DEADLINE_MS + WAITED_MS,
      ({ median, max }) => `${median.toFixed(0)} ms (most ${max.toFixed(0)})`,
    ),
    barOn(
      OURS,
      'hungErrors',
      'no errors',
      ({ max }) => max === 0,
      ({ max }) => `${max} at most`,
    ),
  ],
  weight: 4,
  deadlineMs: 90_000,
  async measure(one, world) {
    const [killed, hung] = await Promise.all([outage(one, world, 'killed'), outage(one, world, 'hung')])
    return {
      killedLater: killed.after.waited,
      killedP99: killed.whole.p99,
      killedErrors: killed.whole.errors,
      hungOnsetMost: hung.onset.most,
      hungLater: hung.after.waited,
      hungP99: hung.whole.p99,
      hungErrors: hung.whole.errors,
      unhandled: killed.unhandled + hung.unhandled,
    }
  },
}
