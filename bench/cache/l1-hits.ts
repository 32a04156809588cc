import { mulberry32 } from '../../dev/random.ts'
import { type Case, createCacheOf, OURS } from './contender.ts'
import { type Page, pageOf } from './page.ts'
import { openReaders, type ReaderOptions } from './readers.ts'
import { type Scenario, spreadIn } from './scenario.ts'
import { zipfRanks } from './statistics.ts'

const KEYS = 10_000
/** A power of two. */
const DRAWN = 1 << 18
const WARM_MS = 400
const RUN_MS = 800
const AT_A_TIME = 2_000

const keyOf = (rank: number): string => `k${rank}`

/** The process: one cache, full, and one loop that reads it. */
export async function open({ one, settings }: ReaderOptions) {
  const pages = new Map(Array.from({ length: KEYS }, (_, rank) => [keyOf(rank), pageOf(keyOf(rank))]))
  const keys = Array.from(zipfRanks(KEYS, 0.99, DRAWN, mulberry32(7)), keyOf)
  let loads = 0
  const load = async (key: string): Promise<Page> => {
    loads++
    return pages.get(key) as Page
  }
  const cache = await createCacheOf(one, { ...settings, load })
  for (const key of pages.keys()) await cache.get(key)
  loads = 0
  const at = (turn: number): string => keys[turn & (DRAWN - 1)] as string

  async function perSecond(readSome: (from: number) => Promise<number> | number): Promise<number> {
    for (const ms of [WARM_MS, RUN_MS]) {
      const startedAtMs = performance.now()
      let [turn, elapsedMs, posts] = [0, 0, 0]
      while (elapsedMs < ms) {
        posts += await readSome(turn)
        turn += AT_A_TIME
        elapsedMs = performance.now() - startedAtMs
      }
      if (posts !== 5 * turn) throw new Error('a read answered something else than its page')
      if (ms === RUN_MS) return (1_000 * turn) / elapsedMs
    }
    return Number.NaN
  }
  return {
    awaited: () =>
      perSecond(async (from) => {
        let posts = 0
        for (let turn = from; turn < from + AT_A_TIME; turn++) posts += (await cache.get(at(turn)))?.posts.length ?? 0
        return posts
      }),
    peeked: () =>
      perSecond((from) => {
        let posts = 0
        for (let turn = from; turn < from + AT_A_TIME; turn++) posts += cache.peek?.(at(turn))?.posts.length ?? 0
        return posts
      }),
    /** The least there is: no lifetimes, no promise. */
    map: () =>
      perSecond((from) => {
        let posts = 0
        for (let turn = from; turn < from + AT_A_TIME; turn++) posts += pages.get(at(turn))?.posts.length ?? 0
        return posts
      }),
    loads: async () => loads,
  }
}

const LAYERED_LOADER: Case = { name: 'layered-loader' }
const LRU_CACHE: Case = { name: 'lru-cache.fetch' }

export const l1Hits: Scenario = {
  name: 'l1-hits',
  title: 'Hits in memory',
  about: `Awaited gets per second of one process, ${KEYS.toLocaleString('en-US')} keys of 1 KB read by Zipf's law (0.99); bare Map.get is measured in the same process, so the ratio is free of the machine's mood.`,
  cases: [
    LRU_CACHE,
    LAYERED_LOADER,
    { name: '@unkey/cache' },
    { name: 'bentocache' },
    { name: 'bentocache', label: 'serialize: false', serialize: false },
    OURS,
  ],
  columns: [
    { figure: 'hits', title: 'hits/s', unit: ' M' },
    { figure: 'ratio', title: '× Map.get' },
    { figure: 'peeks', title: 'synchronous peeks/s', unit: ' M' },
  ],
  bars: [
    {
      text: 'awaited hits per second >= 0.9 × the better of layered-loader and lru-cache.fetch',
      judge(results) {
        const [ours, layered, lru] = [OURS, LAYERED_LOADER, LRU_CACHE].map((one) => spreadIn(results, one, 'hits')?.median)
        if (ours === undefined || layered === undefined || lru === undefined) return { ours: 'not measured', met: undefined }
        const ratio = ours / Math.max(layered, lru)
        return { ours: `${ratio.toFixed(2)} × (${ours.toFixed(2)} M)`, met: ratio >= 0.9 }
      },
    },
  ],
  weight: 'all',
  deadlineMs: 20_000,
  async measure(one, world) {
    const settings = { ...world.store.settings, tiers: 'l1', ttlMs: 3_600_000, staleMs: 0, namespace: world.newNamespace() } as const
    const readers = await openReaders<Awaited<ReturnType<typeof open>>>(import.meta.url, 1, { one, settings })
    try {
      const [hits = Number.NaN] = await readers.askAll('awaited', undefined)
      const [map = Number.NaN] = await readers.askAll('map', undefined)
      const [peeks = Number.NaN] = one.name === 'bentocache' || one.name === '@unkey/cache' ? [] : await readers.askAll('peeked', undefined)
      const [loads] = await readers.askAll('loads', undefined)
      if (loads) throw new Error(`${loads} reads missed`)
      return { hits: hits / 1e6, ratio: hits / map, peeks: peeks / 1e6 }
    } finally {
      await readers.stop()
    }
  },
}
