import { setTimeout as sleep } from 'node:timers/promises'
import { DEFAULTS } from '../../worker/cache/core.ts'
import { type Case, createCacheOf, OURS, staleMsOf } from './contender.ts'
import { nowMs, type Page, pageOf } from './page.ts'
import { openReaders, type ReaderOptions } from './readers.ts'
import { barOn, type Scenario } from './scenario.ts'
import type { World } from './world.ts'

const OUR_KEYS = 1_000
const PEER_KEYS = 20
const AT_ONCE = 100
const TTL_MS = 3_000
const STALE_MS = 5_000
/** For a set behind an answer to land (milliseconds). */
const SETTLE_MS = 100
/** Looks at what memory shows go on for so long at most (milliseconds). */
const WATCH_MS = TTL_MS + STALE_MS + 1_000

/** A process with a cache, and a database that all of them think they share: the parent writes to each. */
export async function open({ one, settings }: ReaderOptions) {
  process.on('unhandledRejection', () => {})
  let version = 1
  let held = false
  let loading = 0
  let release = () => {}
  let released = Promise.resolve()
  const load = async (key: string): Promise<Page> => {
    const seen = version
    loading++
    if (held) await released
    return pageOf(key, seen)
  }
  const cache = await createCacheOf(one, { ...settings, load })
  await cache.get(`warm${process.pid}`)
  await sleep(200) // until buses are subscribed to
  let reads: Promise<unknown> = Promise.resolve()
  return {
    /** Begins a read of each key, and holds its load once it has seen the database. Answers how many loads are held. */
    async begin(keys: readonly string[]) {
      ;({ promise: released, resolve: release } = Promise.withResolvers<void>())
      version = 1
      held = true
      loading = 0
      reads = Promise.allSettled(keys.map((key) => cache.get(key)))
      for (let look = 0; look < 200 && loading < keys.length; look++) await sleep(5)
      return loading
    },
    async write() {
      version = 2
    },
    async remove(keys: readonly string[]) {
      await cache.remove(keys)
    },
    /** Lets the held loads go on, with what they saw. */
    async finish() {
      held = false
      release()
      await reads
      await sleep(SETTLE_MS)
    },
    /** How many keys show the old version at first, and how long after `sinceMs` the last one did (milliseconds). */
    async watch({ keys, sinceMs }: { keys: readonly string[]; sinceMs: number }) {
      const isOld = async (key: string) => (await cache.get(key).catch(() => undefined))?.version === 1
      let oldAtFirst: number | undefined
      let lastMs = 0
      let suspects = keys
      while (suspects.length > 0 && nowMs() - sinceMs < WATCH_MS) {
        const olds = await Promise.all(suspects.map(isOld))
        suspects = suspects.filter((_, i) => olds[i])
        oldAtFirst ??= suspects.length
        if (suspects.length > 0) lastMs = nowMs() - sinceMs
        await sleep(10)
      }
      return { oldAtFirst: oldAtFirst ?? 0, lastMs }
    },
  }
}

/** Races, some keys at once: `deleter` is the place of the process that deletes. */
async function race(one: Case, world: World, deleter: 0 | 1): Promise<{ keys: number; old: number; lastMs: number }> {
  const settings = {
    ...world.store.settings,
    tiers: 'l1+l2',
    ttlMs: TTL_MS,
    staleMs: staleMsOf(one, STALE_MS),
    namespace: world.newNamespace(),
  } as const
  const readers = await openReaders<Awaited<ReturnType<typeof open>>>(import.meta.url, 3, { one, settings })
  const [loader, other, bystander] = readers.all
  try {
    if (!loader || !other || !bystander) throw new Error('a process is missing')
    const all = { keys: one.name === 'tideline' ? OUR_KEYS : PEER_KEYS, old: 0, lastMs: 0 }
    for (let first = 0; first < all.keys; first += AT_ONCE) {
      const keys = Array.from({ length: Math.min(AT_ONCE, all.keys - first) }, (_, i) => `race${first + i}`)
      const held = await loader.ask('begin', keys)
      if (held < keys.length) throw new Error(`only ${held} of ${keys.length} loads began`)
      await readers.askAll('write', undefined)
      await (deleter === 0 ? loader : other).ask('remove', keys)
      const sinceMs = nowMs()
      await loader.ask('finish', undefined)
      // The bystander's memory is empty: what it shows first is what L2 has.
      const [shared, own] = await Promise.all([bystander, loader].map((reader) => reader.ask('watch', { keys, sinceMs })))
      all.old += shared?.oldAtFirst ?? 0
      all.lastMs = Math.max(all.lastMs, shared?.lastMs ?? 0, own?.lastMs ?? 0)
    }
    return all
  } finally {
    await readers.stop()
  }
}

export const staleSet: Scenario = {
  name: 'stale-set',
  title: 'A delete during a load',
  about: `A process loads a key and has read the old row; the row changes and the key is deleted, by that process or by another one; then the load ends and is stored. TTL ${TTL_MS / 1_000} s, stale window ${STALE_MS / 1_000} s. ${OUR_KEYS.toLocaleString('en-US')} keys of ours in each run, ${PEER_KEYS} of the peers.`,
  cases: [
    { name: 'bentocache', label: 'default' },
    { name: 'bentocache', label: 'best', features: 'best' },
    { name: '@unkey/cache' },
    { name: 'layered-loader' },
    OURS,
  ],
  columns: [
    { figure: 'keys', title: 'keys' },
    { figure: 'sameOld', title: 'same process: old value in L2' },
    { figure: 'sameMs', title: 'shown until', unit: ' ms' },
    { figure: 'otherOld', title: 'other process: old value in L2' },
    { figure: 'otherMs', title: 'shown until', unit: ' ms' },
  ],
  bars: [
    barOn(
      OURS,
      'sameOld',
      'old values in L2, same process: 0',
      ({ max }) => max === 0,
      ({ max }) => `${max} of ${OUR_KEYS} at most`,
    ),
    barOn(
      OURS,
      'otherOld',
      'old values in L2, other process: 0',
      ({ max }) => max === 0,
      ({ max }) => `${max} of ${OUR_KEYS} at most`,
    ),
    barOn(
      OURS,
      'otherMs',
      `none shown for longer than the L1 max age (${DEFAULTS.maxAgeMs / 1_000} s)`,
      ({ max }) => max <= DEFAULTS.maxAgeMs,
      ({ median, max }) => `${median.toFixed(0)} ms (most ${max.toFixed(0)})`,
    ),
  ],
  weight: 6,
  deadlineMs: 60_000,
  mostRuns: 3,
  async measure(one, world) {
    const [same, other] = await Promise.all([race(one, world, 0), race(one, world, 1)])
    return { keys: same.keys, sameOld: same.old, sameMs: same.lastMs, otherOld: other.old, otherMs: other.lastMs }
  },
}
