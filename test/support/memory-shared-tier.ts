import type { Invalidation } from '../../contract/l2/calls.ts'
import { encodePushed, type PackedEntry } from '../../contract/l2/codec.ts'
import { MAX_RECORDED, MAX_TAIL } from '../../contract/l2/scripts.ts'
import { decodeValue } from '../../contract/l2/value.ts'
import type { Stored } from '../../worker/cache/entry.ts'
import type { SharedTier } from '../../worker/cache/ports.ts'
import { type Cell, filled, invalidated, type Lease, leased, newLease, pushed, type Value } from './l2-rules.ts'

/** What the origin says to it: `origin/fanout/l2-port.ts`. */
interface Writes {
  push(
    entries: readonly PackedEntry[],
    deliveries: readonly { readonly key: string; readonly entry: number }[],
    machineId?: number,
  ): Promise<number>
  invalidate(invalidations: readonly Invalidation[], machineId?: number): Promise<number>
  beats(machineIds: readonly number[]): Promise<number[]>
  empty(start: string): Promise<void>
}

/** What becomes of its memory. */
interface Losses {
  /** Drops values and leases that were evicted, or lay on a shard that died. */
  lose(isLost: (key: string) => boolean): void
  /** Drops everything, heartbeats too. */
  flush(): void
  /** Comes back with what it held at a moment: values, leases and heartbeats. Needs a journal. */
  restoreTo(atMs: number): void
}

/** Rules of the scripts that may be switched off, to see what they are for. */
export type ScriptRule = 'fill merges pushes' | 'invalidation voids the lease' | 'a push is not fresher'

export interface MemoryTierOptions {
  readonly maxTail?: number
  readonly maxRecorded?: number
  /** What one way of a call takes (milliseconds); without it half of `latencyMs`. */
  readonly wayMs?: () => number
  /** Keeps what was, for `restoreTo`. */
  readonly journal?: boolean
  readonly without?: (rule: ScriptRule) => boolean
}

/** What is wrong with it, and what was asked of it. */
interface Switches {
  /** Every call fails. */
  down: boolean
  /** Every call takes this long (milliseconds). */
  latencyMs: number
  /** `read` answers what was true this long ago (milliseconds), but for what was written before the switch; the rest speaks to the primary. */
  replicaLagMs: number
  readonly calls: { readonly call: 'read' | 'lease' | 'release' | 'fill'; readonly keys: readonly string[] }[]
}

export type MemoryTier = Omit<SharedTier, 'invalidate'> & Writes & Switches & Losses

interface Ends {
  readonly expiresAtMs: number
}
type KeptValue = Value & Ends
type KeptLease = Lease & Ends

/**
 * The shared tier in memory, on a clock that a test advances: the twin of the scripts of `contract/l2`. `test/conformance` holds both
 * to the same suite.
 */
export function createMemorySharedTier(
  clock: { nowMs(): number; sleep(ms: number): Promise<void> },
  options: MemoryTierOptions = {},
): MemoryTier {
  const { maxTail = MAX_TAIL, maxRecorded = MAX_RECORDED, wayMs, journal: keepsJournal = false, without = () => false } = options
  const values = new Map<string, KeptValue>()
  const leases = new Map<string, KeptLease>()
  const beats = new Map<number, number>()
  /** How to take back what was done, oldest first. */
  const journal: { readonly atMs: number; readonly undo: () => void }[] = []
  /** Per key what it was before each write, oldest first. */
  const history = new Map<string, { readonly untilMs: number; readonly before: KeptValue | undefined }[]>()
  let replicaLagMs = 0

  function alive<T extends { readonly expiresAtMs: number }>(map: Map<string, T>, key: string): T | undefined {
    const found = map.get(key)
    return found && found.expiresAtMs > clock.nowMs() ? found : undefined
  }
  function change<K, T>(map: Map<K, T>, key: K, value: T | undefined): void {
    if (keepsJournal) {
      const before = map.get(key)
      journal.push({ atMs: clock.nowMs(), undo: () => (before === undefined ? map.delete(key) : map.set(key, before)) })
    }
    if (value === undefined) map.delete(key)
    else map.set(key, value)
  }
  function put(key: string, value: KeptValue | undefined): void {
    if (replicaLagMs > 0) history.set(key, [...(history.get(key) ?? []), { untilMs: clock.nowMs(), before: values.get(key) }])
    change(values, key, value)
  }
  const setLease = (key: string, lease: KeptLease | undefined): void => change(leases, key, lease)
  function raiseBeat(machineId: number): number {
    const beat = (beats.get(machineId) ?? 0) + 1
    change(beats, machineId, beat)
    return beat
  }
  function onReplica(key: string): Value | undefined {
    const undone = history.get(key)?.find(({ untilMs }) => untilMs > clock.nowMs() - replicaLagMs)
    const value = undone ? undone.before : values.get(key)
    return value && value.expiresAtMs > clock.nowMs() ? value : undefined // a replica shows nothing that has expired
  }
  const answered = (value: Value | undefined): Stored | undefined =>
    value && { life: value.life, truth: value.truth, stamp: value.stamp, payload: value.payload }
  /** A call as the network makes it: half of its time on the way there. */
  async function over<T>(call: () => T): Promise<T> {
    const there = wayMs ? wayMs() : tier.latencyMs / 2
    if (there > 0) await clock.sleep(there)
    if (tier.down) throw new Error('the shared tier is down')
    const answer = call()
    const back = wayMs ? wayMs() : tier.latencyMs / 2
    if (back > 0) await clock.sleep(back)
    return answer
  }

  const limits = { maxTail, maxRecorded }
  const cellOf = (key: string) => ({ value: alive(values, key), lease: alive(leases, key) })
  /** Keeps a value that was changed for as long as the one before, or as long as is said. */
  function putCell(key: string, before: ReturnType<typeof cellOf>, { value, lease }: Cell, keepUntilMs?: number): void {
    const expiresAtMs = keepUntilMs ?? before.value?.expiresAtMs ?? 0
    if (value !== before.value) put(key, value && { ...value, expiresAtMs })
    if (lease !== before.lease) setLease(key, lease && before.lease && { ...lease, expiresAtMs: before.lease.expiresAtMs })
  }

  function pushOne(key: string, text: string): void {
    const cell = cellOf(key)
    putCell(key, cell, pushed(cell, text, limits))
  }
  function invalidateOne({ key, truth, replacement }: Invalidation): void {
    const cell = cellOf(key)
    const { value, lease } = invalidated(cell, truth, replacement && valueFrom(replacement.text))
    const kept = without('invalidation voids the lease') ? cell.lease : lease
    putCell(key, cell, { value, lease: kept }, clock.nowMs() + (replacement?.keepMs ?? 0))
  }
  function fillOne(key: string, stored: Stored, token: string): { stamp: number; pushed: string } | undefined {
    const cell = cellOf(key)
    const lease = cell.lease && without('fill merges pushes') ? { ...cell.lease, recorded: '' } : cell.lease
    const after = filled({ ...cell, lease }, stored, token, limits)
    if (after.filled) putCell(key, cell, after.cell, Math.max(stored.life.graceEndsAtMs, clock.nowMs() + 1))
    else if (!after.cell.lease) setLease(key, undefined)
    return after.filled
  }

  function forget(isLost: (key: string) => boolean): void {
    for (const key of [...values.keys()]) if (isLost(key)) put(key, undefined)
    for (const key of [...leases.keys()]) if (isLost(key)) setLease(key, undefined)
  }

  const tier: MemoryTier = {
    down: false,
    latencyMs: 0,
    get replicaLagMs() {
      return replicaLagMs
    },
    set replicaLagMs(ms) {
      replicaLagMs = ms
      if (ms === 0) history.clear()
    },
    calls: [],
    deadlineMs: 250,
    async read(keys) {
      tier.calls.push({ call: 'read', keys })
      return over(() => keys.map((key) => answered(onReplica(key))))
    },
    async lease(wanted, token, leaseMs) {
      tier.calls.push({ call: 'lease', keys: wanted.map(({ key }) => key) })
      return over(() =>
        wanted.map(({ key, ...seen }) => {
          const cell = cellOf(key)
          const { state, shown } = leased(cell, seen)
          const isTaken = without('a push is not fresher') && shown !== undefined
          if (state === 'granted' && !isTaken) setLease(key, { ...newLease(token), expiresAtMs: clock.nowMs() + leaseMs })
          return { state: isTaken ? 'fresher' : state, stored: answered(shown) }
        }),
      )
    },
    async release(keys, token, restMs) {
      tier.calls.push({ call: 'release', keys })
      return over(() => {
        for (const key of keys) {
          const lease = alive(leases, key)
          if (lease?.token === token) setLease(key, { ...lease, expiresAtMs: clock.nowMs() + restMs })
        }
      })
    },
    async fill(filled, token) {
      tier.calls.push({ call: 'fill', keys: filled.map(({ key }) => key) })
      return over(() => filled.map(({ key, stored }) => fillOne(key, stored, token)))
    },
    push: (entries, deliveries, machineId = 0) =>
      over(() => {
        for (const { key, entry } of deliveries) {
          const pushed = entries[entry]
          if (pushed) pushOne(key, encodePushed(pushed))
        }
        return raiseBeat(machineId)
      }),
    invalidate: (invalidations: readonly Invalidation[], machineId?: number) =>
      over(() => {
        for (const invalidation of invalidations) invalidateOne(invalidation)
        return raiseBeat(machineId ?? 0)
      }),
    beats: (machineIds) => over(() => machineIds.map((machineId) => beats.get(machineId) ?? 0)),
    empty: (start) => over(() => forget((key) => key.startsWith(start))),
    lose: forget,
    flush() {
      forget(() => true)
      for (const machineId of [...beats.keys()]) change(beats, machineId, undefined)
      journal.length = 0 // whoever empties a Redis empties what it starts from, too
    },
    restoreTo(atMs) {
      while ((journal.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY) > atMs) journal.pop()?.undo()
      history.clear()
    },
  }
  return tier
}

/** What a framed text stores. */
function valueFrom(text: string): Value | undefined {
  const framed = decodeValue(text)
  if (!framed) return undefined
  const { truth, stamp, payload, tailLength, ...life } = framed
  return { life, truth, stamp, payload, tail: tailLength }
}
