import { setTimeout as sleep } from 'node:timers/promises'
import { createCacheOf, OURS, staleMsOf, without } from './contender.ts'
import { openLoop, sleepUntil } from './open-loop.ts'
import { nowMs, type Page, pageOf } from './page.ts'
import { openReaders, type ReaderOptions } from './readers.ts'
import { barOn, type Scenario } from './scenario.ts'
import { quantile, sum } from './statistics.ts'

const PROCESSES = 4
const PER_SECOND = 2_000
const LOAD_MS = 50
const TTL_MS = 1_000
/** Of one second each. */
export const TTLS = 20
const STALE_MS = 30_000
const NOTICE_MS = 400

export async function open({ one, settings }: ReaderOptions) {
  process.on('unhandledRejection', () => {})
  let loadsAtMs: number[] = []
  const load = async (key: string): Promise<Page> => {
    loadsAtMs.push(nowMs())
    await sleep(LOAD_MS)
    return pageOf(key)
  }
  const cache = await createCacheOf(one, { ...settings, load })
  for (let read = 0; read < 300; read++) await cache.get(`warm${process.pid}`)
  return {
    async run(atMs: number) {
      await cache.get('hot')
      await sleepUntil(atMs)
      loadsAtMs = []
      let [waited, errors, tooOld, oldestMs] = [0, 0, 0, 0]
      const waits: number[] = []
      const { sent, unanswered } = await openLoop(PER_SECOND / PROCESSES, TTL_MS * TTLS, async () => {
        const askedAtMs = nowMs()
        try {
          const page = await cache.get('hot')
          const answeredAtMs = nowMs()
          waits.push(answeredAtMs - askedAtMs)
          const loadedAtMs = page?.atMs ?? 0
          if (loadedAtMs > askedAtMs) waited++
          if (askedAtMs - loadedAtMs > TTL_MS) tooOld++
          oldestMs = Math.max(oldestMs, askedAtMs - loadedAtMs)
        } catch {
          errors++
        }
      })
      return {
        sent,
        unanswered,
        waited,
        errors,
        tooOld,
        oldestMs,
        waits: Float64Array.from(waits),
        loads: loadsAtMs.map((loadedAtMs) => loadedAtMs - atMs),
      }
    },
  }
}

/** What there would be without any of it. */
export const UNPROTECTED = without('lease', 'singleflight', 'batching', 'xfetch')
const percent = (share: number): string => `${share.toFixed(3)} %`

export const hotKey: Scenario = {
  name: 'hot-key',
  title: `A hot key over ${TTLS} TTLs`,
  about: `One key, TTL ${TTL_MS / 1_000} s (ours: soft and hard), ${PER_SECOND.toLocaleString('en-US')} reads/s over ${PROCESSES} processes, load ${LOAD_MS} ms. Loads are of all processes; who waited got a value loaded after it asked; too old is older than the TTL, counted from the end of its load.`,
  cases: [
    { name: 'bentocache', label: 'default', mostRuns: 3 },
    { name: 'bentocache', label: 'best', features: 'best' },
    { name: '@unkey/cache' },
    { name: 'layered-loader', label: 'default', mostRuns: 3 },
    { name: 'layered-loader', label: 'best', features: 'best' },
    OURS,
    without('lease'),
    without('xfetch'),
    UNPROTECTED,
  ],
  columns: [
    { figure: 'loads', title: 'loads per TTL' },
    { figure: 'waited', title: 'waited', unit: ' %' },
    { figure: 'tooOld', title: 'too old', unit: ' %' },
    { figure: 'oldestMs', title: 'oldest', unit: ' ms' },
    { figure: 'p99', title: 'p99', unit: ' ms' },
    { figure: 'errors', title: 'errors' },
  ],
  bars: [
    barOn(
      OURS,
      'loads',
      'loads per TTL <= 1.35',
      ({ median }) => median <= 1.35,
      ({ median, min, max }) => `${median.toFixed(2)} (${min.toFixed(2)}..${max.toFixed(2)})`,
    ),
    barOn(
      OURS,
      'waited',
      'waiting <= 0.05 %',
      ({ median }) => median <= 0.05,
      ({ median, max }) => `${percent(median)} (most ${percent(max)})`,
    ),
    barOn(
      OURS,
      'tooOld',
      'served beyond the hard TTL: 0',
      ({ max }) => max === 0,
      ({ median, max }) => `${percent(median)} (most ${percent(max)})`,
    ),
  ],
  weight: PROCESSES,
  deadlineMs: 60_000,
  async measure(one, world) {
    const settings = {
      ...world.store.settings,
      tiers: 'l1+l2',
      ttlMs: TTL_MS,
      staleMs: staleMsOf(one, STALE_MS),
      namespace: world.newNamespace(),
    } as const
    const readers = await openReaders<Awaited<ReturnType<typeof open>>>(import.meta.url, PROCESSES, { one, settings })
    try {
      const ran = await readers.askAll('run', Date.now() + NOTICE_MS, 45_000)
      const total = (of: (one: (typeof ran)[number]) => number): number => sum(ran.map(of))
      const sent = total((one) => one.sent)
      world.note(ran.flatMap(({ loads }) => loads))
      return {
        loads: total((one) => one.loads.length) / TTLS,
        waited: (100 * total((one) => one.waited)) / sent,
        tooOld: (100 * total((one) => one.tooOld)) / sent,
        oldestMs: Math.max(...ran.map((one) => one.oldestMs)),
        p99: quantile(
          ran.flatMap((one) => Array.from(one.waits)),
          0.99,
        ),
        errors: total((one) => one.errors + one.unanswered),
      }
    } finally {
      await readers.stop()
    }
  },
}
