import { setTimeout as sleep } from 'node:timers/promises'
import { createCacheOf, OURS, staleMsOf } from './contender.ts'
import { openLoop } from './open-loop.ts'
import { nowMs, type Page, pageOf } from './page.ts'
import { openReaders, type ReaderOptions } from './readers.ts'
import { barOn, type Scenario } from './scenario.ts'
import { quantile } from './statistics.ts'

const PER_SECOND = 100
const DOWN_MS = 8_000
const LOAD_MS = 50
const TTL_MS = 1_000
const STALE_MS = 30_000
/** How long a cache is given to bring a new value once loads succeed again (milliseconds). */
const PATIENCE_MS = 12_000

export async function open({ one, settings }: ReaderOptions) {
  let [loads, unhandled, failing] = [0, 0, false]
  process.on('unhandledRejection', () => unhandled++)
  const load = async (key: string): Promise<Page> => {
    loads++
    await sleep(LOAD_MS)
    if (failing) throw new Error('the database is down')
    return pageOf(key)
  }
  const cache = await createCacheOf(one, { ...settings, load })
  for (let read = 0; read < 100; read++) await cache.get('warm')

  async function recover(): Promise<number> {
    failing = false
    const healedAtMs = nowMs()
    while (nowMs() - healedAtMs < PATIENCE_MS) {
      const page = await cache.get('hot').catch(() => undefined)
      if (page && page.atMs > healedAtMs) return nowMs() - healedAtMs
      await sleep(10)
    }
    return PATIENCE_MS
  }
  return {
    async run() {
      await cache.get('hot')
      failing = true
      await sleep(TTL_MS + 200)
      loads = 0
      let [served, errors] = [0, 0]
      const waits: number[] = []
      const { sent, unanswered } = await openLoop(PER_SECOND, DOWN_MS, async () => {
        const askedAtMs = nowMs()
        try {
          if (await cache.get('hot')) served++
          else errors++
        } catch {
          errors++
        }
        waits.push(nowMs() - askedAtMs)
      })
      const loadsWhileDown = loads
      const recoveredMs = await recover()
      return { served, errors: errors + unanswered, sent, loads: loadsWhileDown, p99: quantile(waits, 0.99), recoveredMs, unhandled }
    },
  }
}

export const failingLoader: Scenario = {
  name: 'failing-loader',
  title: 'A loader that fails',
  about: `One process reads one key ${PER_SECOND} times a second, TTL ${TTL_MS / 1_000} s; just after it expired its load (${LOAD_MS} ms) begins to fail, for ${DOWN_MS / 1_000} s. Recovery is from healing to the first new value.`,
  cases: [
    { name: 'lru-cache.fetch', label: 'best', features: 'best' },
    { name: 'bentocache', label: 'default', mostRuns: 3 },
    { name: 'bentocache', label: 'best', features: 'best' },
    { name: '@unkey/cache' },
    { name: 'layered-loader', label: 'best', features: 'best' },
    OURS,
  ],
  columns: [
    { figure: 'loads', title: 'loader calls' },
    { figure: 'served', title: 'served stale' },
    { figure: 'errors', title: 'errors' },
    { figure: 'p99', title: 'p99', unit: ' ms' },
    { figure: 'recoveredMs', title: 'recovery', unit: ' ms' },
    { figure: 'unhandled', title: 'unhandled rejections' },
  ],
  bars: [
    barOn(
      OURS,
      'loads',
      `loader calls in ${DOWN_MS / 1_000} s <= 12`,
      ({ median }) => median <= 12,
      ({ median, min, max }) => `${median} (${min}..${max})`,
    ),
    barOn(
      OURS,
      'errors',
      'all served stale',
      ({ max }) => max === 0,
      ({ max }) => `${max} errors at most`,
    ),
    barOn(
      OURS,
      'recoveredMs',
      'recovers within 1 s of healing',
      ({ median }) => median <= 1_000,
      ({ median, max }) => `${median.toFixed(0)} ms (most ${max.toFixed(0)})`,
    ),
  ],
  weight: 1,
  deadlineMs: 60_000,
  async measure(one, world) {
    const tiers = one.name === 'lru-cache.fetch' ? 'l1' : 'l1+l2'
    const settings = {
      ...world.store.settings,
      tiers,
      ttlMs: TTL_MS,
      staleMs: staleMsOf(one, STALE_MS),
      namespace: world.newNamespace(),
    } as const
    const readers = await openReaders<Awaited<ReturnType<typeof open>>>(import.meta.url, 1, { one, settings })
    try {
      const [ran] = await readers.askAll('run', undefined, 45_000)
      if (!ran) throw new Error('no reader')
      return ran
    } finally {
      await readers.stop()
    }
  },
}
