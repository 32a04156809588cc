import type { Answer, Change, ListTruth, ValueTruth } from '../../origin/monitor/judge.ts'
import { createMonitor, type MonitorEvent } from '../../origin/monitor/monitor.ts'
import type { Tally } from '../../origin/monitor/ports.ts'
import { mulberry32 } from './random.ts'
import { createVirtualClock } from './virtual-clock.ts'

/** What goes wrong on purpose. */
export interface Sabotage {
  /** Acknowledged, and not done. */
  readonly losesInvalidation?: (key: string, atMs: number) => boolean
  readonly losesPush?: (key: string, atMs: number) => boolean
  /** An isolate that trusts its memory for ever. */
  readonly edgeNeverAsks?: boolean
}

const PROMISED_MS = 5_000
const TURN_MS = 5_000
const KEYS_PER_TURN = 10
const VALUES = 60
const LISTS = 40
const LAG_MS = 300
const L1_MS = 2_000

interface Cached {
  readonly truth: number
  readonly value: string
  readonly entries: readonly string[]
}
interface Row extends Cached {
  readonly changes: (Change & { acknowledgedAtMs: number | undefined })[]
  /** Of a list: what was posted, and when it was pushed. */
  readonly posted: { readonly id: string; readonly atMs: number; pushedAtMs: number | undefined }[]
}
interface Lease {
  voided: boolean
  readonly recorded: string[]
}

/**
 * Postgres, L2 with a replica that lags, an isolate's memory, writers and readers, all of it small and in virtual time, with the monitor looking on:
 * values are dropped when they change, lists are pushed to. Now and then Redis acknowledges nothing for half a minute, or comes back with what
 * it held seconds ago, which is found out after a second.
 */
export function createMonitorWorld(seed: number, { losesInvalidation, losesPush, edgeNeverAsks }: Sabotage = {}) {
  const clock = createVirtualClock()
  const random = mulberry32(seed)
  const pick = (count: number) => Math.floor(random() * count)
  const pause = (ms: number) => clock.sleep(ms, undefined as never)
  const keys = [...Array.from({ length: VALUES }, (_, i) => `us:${i}`), ...Array.from({ length: LISTS }, (_, i) => `tl:${i}`)]
  const keyAt = (i: number): string => keys[i] ?? ''
  const isList = (key: string): boolean => key.startsWith('tl:')
  const postgres = new Map<string, Row>(keys.map((key) => [key, { truth: 1, value: 'a', entries: [], changes: [], posted: [] }]))
  const rowOf = (key: string): Row => postgres.get(key) ?? { truth: 0, value: '', entries: [], changes: [], posted: [] }
  let l2 = new Map<string, Cached>()
  let replica = new Map<string, Cached>()
  const leases = new Map<string, Lease>()
  const memory = new Map<string, Cached & { readonly atMs: number }>()
  const tallies: Tally[] = []
  const wrong: { readonly key: string; readonly atMs: number }[] = []
  let redisIsDown = false
  let minted = 0
  let taken = { fromMs: clock.nowMs(), dueAtMs: 0 }

  /** A write to the primary; the replica has it a little later. */
  function store(key: string, cached: Cached | undefined): void {
    const set = (there: Map<string, Cached>) => (cached ? there.set(key, cached) : there.delete(key))
    set(l2)
    const was = l2
    void pause(LAG_MS).then(() => was === l2 && set(replica))
  }

  /** Carries out what is owed of a key, once Redis acknowledges. */
  async function settle(key: string): Promise<void> {
    await pause(5 + random() * 200)
    while (redisIsDown) await pause(250)
    const row = rowOf(key)
    for (const change of row.changes.filter(({ acknowledgedAtMs }) => acknowledgedAtMs === undefined)) {
      if (!losesInvalidation?.(key, clock.nowMs())) {
        if ((l2.get(key)?.truth ?? 0) < change.truth) store(key, undefined)
        const lease = leases.get(key)
        if (lease) lease.voided = true
      }
      change.acknowledgedAtMs = clock.nowMs()
    }
    for (const post of row.posted.filter(({ pushedAtMs }) => pushedAtMs === undefined)) {
      if (!losesPush?.(key, clock.nowMs())) {
        const there = l2.get(key)
        if (there && !there.entries.includes(post.id)) store(key, { ...there, entries: [post.id, ...there.entries] })
        leases.get(key)?.recorded.push(post.id)
      }
      post.pushedAtMs = clock.nowMs()
    }
  }

  async function writers(): Promise<void> {
    for (;;) {
      await pause(random() * 1_000)
      const key = keyAt(pick(keys.length))
      const row = rowOf(key)
      const atMs = clock.nowMs()
      if (isList(key)) {
        const id = String(++minted).padStart(9, '0')
        postgres.set(key, {
          ...row,
          entries: [id, ...row.entries].slice(0, 50),
          posted: [{ id, atMs, pushedAtMs: undefined }, ...row.posted].slice(0, 50),
        })
      } else {
        const truth = row.truth + 1
        // There and back: a value may become again what it was.
        postgres.set(key, {
          ...row,
          truth,
          value: 'ab'[truth % 2] ?? '',
          changes: [...row.changes, { truth, atMs, acknowledgedAtMs: undefined }],
        })
      }
      void settle(key)
    }
  }

  /** As an isolate reads: memory, the replica, a load that is filled in where nothing voided its lease. */
  async function read(key: string): Promise<void> {
    const held = memory.get(key)
    if (held && (edgeNeverAsks || clock.nowMs() < held.atMs + L1_MS)) return
    const startedAtMs = clock.nowMs()
    const found = redisIsDown ? undefined : replica.get(key)
    if (found) return void memory.set(key, { ...found, atMs: startedAtMs })
    if (redisIsDown || leases.has(key) || l2.has(key)) return
    const lease: Lease = { voided: false, recorded: [] }
    leases.set(key, lease)
    const { truth, value, entries } = rowOf(key)
    await pause(random() * 2_000)
    leases.delete(key)
    if (lease.voided || redisIsDown) return
    const filled = { truth, value, entries: [...lease.recorded.filter((id) => !entries.includes(id)).reverse(), ...entries] }
    store(key, filled)
    memory.set(key, { ...filled, atMs: startedAtMs })
  }
  async function readers(): Promise<void> {
    for (;;) {
      await pause(random() * 100)
      void read(keyAt(pick(keys.length)))
    }
  }

  /** What befalls Redis. */
  async function troubles(): Promise<void> {
    for (;;) {
      const snapshot = new Map(l2)
      const savedAtMs = clock.nowMs()
      await pause(2_000)
      if (random() < 0.005) {
        redisIsDown = true
        await pause(30_000)
        redisIsDown = false
      } else if (random() < 0.01) {
        l2 = snapshot
        replica = new Map(snapshot)
        for (const lease of leases.values()) lease.voided = true // it came back without them
        await pause(1_000) // a beat
        for (const [key, { changes, posted }] of postgres) {
          const lost = (atMs: number | undefined) => atMs !== undefined && atMs > savedAtMs - 1_000
          for (const change of changes) if (lost(change.acknowledgedAtMs)) change.acknowledgedAtMs = undefined
          for (const post of posted) if (lost(post.pushedAtMs)) post.pushedAtMs = undefined
          void settle(key)
        }
      }
    }
  }

  const answerOf = (key: string, { truth, value, entries }: Cached): Answer => ({
    key,
    truth,
    says: isList(key)
      ? { is: 'list', since: '', entries: entries.map((activityId) => ({ activityId, actorId: '' })) }
      : { is: 'value', digest: value },
  })
  function truthOf(key: string): ValueTruth | ListTruth {
    const { truth, value, changes, posted } = rowOf(key)
    if (!isList(key)) return { truth, digest: value, changes: changes.map((change) => ({ ...change })), untold: undefined }
    const rows = posted.map(({ id, atMs, pushedAtMs }) => ({
      activityId: id,
      state: pushedAtMs === undefined ? ('owed' as const) : ('delivered' as const),
      atMs: pushedAtMs ?? atMs,
    }))
    return { truth: 1, leastTruth: 1, changes: [], changedAtMs: 0, rows, strangers: [] }
  }
  const monitor = createMonitor({
    store: {
      async take() {
        const nowMs = clock.nowMs()
        if (nowMs < taken.dueAtMs) return undefined
        const untilMs = nowMs - PROMISED_MS
        const inWindow = (atMs: number | undefined) => atMs !== undefined && atMs > taken.fromMs && atMs <= untilMs
        const acknowledged = keys.filter(
          (key) =>
            rowOf(key).changes.some((one) => inWindow(one.acknowledgedAtMs)) || rowOf(key).posted.some((one) => inWindow(one.pushedAtMs)),
        )
        taken = { fromMs: untilMs, dueAtMs: nowMs + TURN_MS }
        await pause(50 + random() * 200)
        return {
          nowMs,
          keys: [...new Set([...acknowledged, ...Array.from({ length: KEYS_PER_TURN }, () => keyAt(pick(keys.length)))])].slice(
            0,
            KEYS_PER_TURN,
          ),
        }
      },
      async record(found) {
        tallies.push(...found)
      },
    },
    truths: async (answers) => {
      await pause(random() * 200)
      return new Map(answers.map(({ key }) => [key, truthOf(key)]))
    },
    places: [
      {
        place: 'L2',
        async look(asked) {
          await pause(random() * 50)
          if (redisIsDown) throw new Error('Redis is down')
          return asked.flatMap((key) => {
            const there = replica.get(key)
            return there ? [answerOf(key, there)] : []
          })
        },
      },
      {
        place: 'edge',
        async look(asked) {
          await pause(random() * 50)
          return asked.flatMap((key) => {
            const held = memory.get(key)
            const there = held && (edgeNeverAsks || clock.nowMs() < held.atMs + L1_MS) ? held : redisIsDown ? undefined : replica.get(key)
            return there ? [answerOf(key, there)] : []
          })
        },
      },
    ],
    clock: { monotonicMs: clock.nowMs, sleep: clock.sleep },
    promisedMs: PROMISED_MS,
    observe(event: MonitorEvent) {
      if (event.type === 'consistency-wrong') wrong.push({ key: event.key, atMs: clock.nowMs() })
    },
  })
  async function watch(): Promise<void> {
    const { signal } = new AbortController()
    for (;;) {
      await monitor(signal)
      await pause(1_000)
    }
  }
  void Promise.all([writers(), readers(), troubles(), watch()])

  return {
    clock,
    wrong,
    /** What the monitor counted so far. */
    counted: () => {
      const sum = (of: (tally: Tally) => number) => tallies.reduce((total, tally) => total + of(tally), 0)
      return { checked: sum((t) => t.checked), late: sum((t) => t.late), beyond: sum((t) => t.beyond), wrong: sum((t) => t.wrong) }
    },
  }
}
