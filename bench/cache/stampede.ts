import { setTimeout as sleep } from 'node:timers/promises'
import { type CacheSettings, type Case, createCacheOf, OURS, OURS_OVER_TCP, without } from './contender.ts'
import { type Page, pageOf } from './page.ts'
import { openReaders, type ReaderOptions } from './readers.ts'
import { barOn, type Scenario, spreadIn } from './scenario.ts'
import { quantile } from './statistics.ts'
import type { World } from './world.ts'

export const LOAD_MS = 50
const CROWD = 10_000
/** Requests before, one by one and as a crowd, so that connections stand and code is compiled. */
const WARM_READS = 300
const WARM_KEYS = 20
const WARM_CROWD = 5_000
/** Longest that the crowd is waited for (milliseconds): bentocache takes ten seconds over 200 failures. */
const PATIENCE_MS = 15_000

export interface Crowd {
  readonly key: string
  readonly size: number
  readonly fails: boolean
}

export async function open({ one, settings }: ReaderOptions) {
  process.on('unhandledRejection', () => {}) // not what is measured here
  let loads = 0
  const failing = new Set<string>()
  const load = async (key: string): Promise<Page> => {
    loads++
    await sleep(LOAD_MS)
    if (failing.has(key)) throw new Error('the database is down')
    return pageOf(key)
  }
  const cache = await createCacheOf(one, { ...settings, load })
  for (let read = 0; read < WARM_READS; read++) await cache.get(`warm${read % WARM_KEYS}`)
  for (const key of ['a', 'b']) await Promise.allSettled(Array.from({ length: WARM_CROWD }, () => cache.get(`crowd-${key}`)))
  return {
    async fire({ key, size, fails }: Crowd) {
      if (fails) failing.add(key)
      loads = 0
      let errors = 0
      const waits: number[] = []
      const startedAtMs = performance.now()
      const readers = Array.from({ length: size }, async () => {
        const askedAtMs = performance.now()
        try {
          await cache.get(key)
        } catch {
          errors++
        }
        waits.push(performance.now() - askedAtMs)
      })
      await Promise.race([Promise.all(readers), sleep(PATIENCE_MS)])
      return {
        loads,
        errors,
        unanswered: size - waits.length,
        p50: quantile(waits, 0.5),
        p99: quantile(waits, 0.99),
        lastMs: performance.now() - startedAtMs,
      }
    },
  }
}

const LAYERED_LOADER: Case = { name: 'layered-loader' }

/** Fires crowds at a fresh cache of one process, one after the other. */
export async function fireAt(one: Case, tiers: CacheSettings['tiers'], world: World, crowd: Crowd) {
  const settings = { ...world.store.settings, tiers, ttlMs: 60_000, staleMs: 0, namespace: world.newNamespace() }
  const readers = await openReaders<Awaited<ReturnType<typeof open>>>(import.meta.url, 1, { one, settings })
  try {
    const [fired] = await readers.askAll('fire', crowd)
    if (!fired || fired.unanswered > 0) throw new Error(`${fired?.unanswered} readers had no answer`)
    return fired
  } finally {
    await readers.stop()
  }
}

export const stampede: Scenario = {
  name: 'stampede',
  title: 'A stampede in one process',
  about: `${CROWD.toLocaleString('en-US')} gets at once on one cold key whose load takes ${LOAD_MS} ms, with memory alone and with Redis behind it, after two crowds of ${WARM_CROWD.toLocaleString('en-US')} on other keys.`,
  cases: [
    { name: 'lru-cache.fetch' },
    LAYERED_LOADER,
    { name: '@unkey/cache' },
    { name: 'bentocache' },
    OURS,
    OURS_OVER_TCP,
    without('singleflight', 'batching'),
  ],
  columns: [
    { figure: 'memoryLoads', title: 'memory: loads' },
    { figure: 'memoryP50', title: 'p50', unit: ' ms' },
    { figure: 'memoryP99', title: 'p99', unit: ' ms' },
    { figure: 'loads', title: 'with Redis: loads' },
    { figure: 'p50', title: 'p50', unit: ' ms' },
    { figure: 'p99', title: 'p99', unit: ' ms' },
    { figure: 'errors', title: 'errors' },
  ],
  bars: [
    barOn(
      OURS,
      'loads',
      '1 load',
      ({ max }) => max === 1,
      ({ median, max }) => `${median} (most ${max})`,
    ),
    {
      text: 'with Redis over TCP: p99 <= 1.1 × layered-loader in the same run',
      judge(results) {
        const [ours, theirs] = [OURS_OVER_TCP, LAYERED_LOADER].map((one) => spreadIn(results, one, 'p99')?.median)
        if (ours === undefined || theirs === undefined) return { ours: 'not measured', met: undefined }
        return { ours: `${(ours / theirs).toFixed(2)} × (${ours.toFixed(0)} ms to ${theirs.toFixed(0)})`, met: ours <= 1.1 * theirs }
      },
    },
  ],
  weight: 'all',
  deadlineMs: 60_000,
  async measure(one, world) {
    const crowd = { key: 'cold', size: CROWD, fails: false }
    const memory = await fireAt(one, 'l1', world, crowd)
    const inMemory = { memoryLoads: memory.loads, memoryP50: memory.p50, memoryP99: memory.p99 }
    // lru-cache has no more than memory; and what 10,000 calls at once do to Redis is another question.
    if (one.name === 'lru-cache.fetch' || one.switchedOff) return { ...inMemory, errors: memory.errors }
    const { loads, p50, p99, errors } = await fireAt(one, 'l1+l2', world, crowd)
    return { ...inMemory, loads, p50, p99, errors: memory.errors + errors }
  },
}
