import type { Invalidation } from '../../contract/l2/calls.ts'
import { encodePushed, type PackedEntry } from '../../contract/l2/codec.ts'
import { MAX_RECORDED, MAX_TAIL } from '../../contract/l2/scripts.ts'
import { decodeValue } from '../../contract/l2/value.ts'
import type { Stored } from '../../worker/cache/entry.ts'
import type { SharedTier } from '../../worker/cache/ports.ts'

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
export type ScriptRule = 'fill merges pushes' | 'invalidation voids the lease' | 'a push is not fresher' | 'no fill of an older truth'

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

interface Value extends Stored {
  readonly tail: number
  readonly expiresAtMs: number
}

interface Lease {
  readonly token: string
  readonly expiresAtMs: number
  readonly recorded: string
  /** Pushes recorded; beyond `MAX_RECORDED` its fill is refused. */
  readonly count: number
}

/**
 * The shared tier in memory, on a clock that a test advances: the twin of the scripts of `contract/l2`. `test/conformance` holds both
 * to the same suite.
 */
export function createMemorySharedTier(
  clock: { nowMs(): number; sleep(ms: number): Promise<void> },
  options: MemoryTierOptions = {},
): MemoryTier {
  const { maxTail = MAX_TAIL, maxRecorded = MAX_RECORDED, wayMs, journal: keepsJournal = false, without = () => false } = options
  const values = new Map<string, Value>()
  const leases = new Map<string, Lease>()
  const beats = new Map<number, number>()
  /** How to take back what was done, oldest first. */
  const journal: { readonly atMs: number; readonly undo: () => void }[] = []
  /** Per key what it was before each write, oldest first. */
  const history = new Map<string, { readonly untilMs: number; readonly before: Value | undefined }[]>()
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
  function put(key: string, value: Value | undefined): void {
    if (replicaLagMs > 0) history.set(key, [...(history.get(key) ?? []), { untilMs: clock.nowMs(), before: values.get(key) }])
    change(values, key, value)
  }
  const setLease = (key: string, lease: Lease | undefined): void => change(leases, key, lease)
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

  function pushOne(key: string, text: string): void {
    const value = alive(values, key)
    if (value) {
      const tail = value.tail + 1
      const life = tail > maxTail ? { ...value.life, softExpiresAtMs: 0 } : value.life
      const drops = tail > 2 * maxTail || value.payload === null
      put(key, drops ? undefined : { ...value, life, tail, stamp: value.stamp + 1, payload: value.payload + text })
    }
    const lease = alive(leases, key)
    if (!lease) return
    const recorded = lease.count < maxRecorded ? lease.recorded + text : lease.recorded
    setLease(key, { ...lease, recorded, count: lease.count + 1 })
  }
  function invalidateOne({ key, truth, replacement }: Invalidation): void {
    if ((alive(values, key)?.truth ?? -1) < truth) put(key, replacement && valueFrom(replacement, clock.nowMs()))
    if (!without('invalidation voids the lease')) setLease(key, undefined)
  }
  function fillOne(key: string, stored: Stored, token: string): { stamp: number; pushed: string } | undefined {
    const lease = alive(leases, key)
    if (lease?.token !== token) return undefined
    setLease(key, undefined)
    const known = alive(values, key)
    const isOlder = known !== undefined && known.truth > stored.truth && !without('no fill of an older truth')
    const recorded = without('fill merges pushes') ? '' : lease.recorded
    if (lease.count > maxRecorded || (lease.count > 0 && stored.payload === null) || isOlder) return undefined
    const stamp = (known?.stamp ?? 0) + 1
    const payload = stored.payload === null ? null : stored.payload + recorded
    put(key, { ...stored, stamp, payload, tail: lease.count, expiresAtMs: Math.max(stored.life.graceEndsAtMs, clock.nowMs() + 1) })
    return { stamp, pushed: recorded }
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
        wanted.map(({ key, leastTruth, beatsSoftEndMs, seenSoftEndMs, seenStamp }) => {
          const value = alive(values, key)
          const differs = value !== undefined && (value.life.softExpiresAtMs !== seenSoftEndMs || value.stamp !== seenStamp)
          const isLater = value !== undefined && (value.life.softExpiresAtMs > beatsSoftEndMs || (differs && without('a push is not fresher')))
          const fresher = value !== undefined && value.truth >= leastTruth && isLater
          const free = !fresher && !alive(leases, key)
          if (free) setLease(key, { token, expiresAtMs: clock.nowMs() + leaseMs, recorded: '', count: 0 })
          return { state: fresher ? 'fresher' : free ? 'granted' : 'refused', stored: fresher || differs ? answered(value) : undefined }
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
    invalidate: (invalidations, machineId = 0) =>
      over(() => {
        for (const invalidation of invalidations) invalidateOne(invalidation)
        return raiseBeat(machineId)
      }),
    beats: (machineIds) => over(() => machineIds.map((machineId) => beats.get(machineId) ?? 0)),
    empty: (start) => over(() => forget((key) => key.startsWith(start))),
    lose: forget,
    flush() {
      forget(() => true)
      for (const machineId of [...beats.keys()]) change(beats, machineId, undefined)
    },
    restoreTo(atMs) {
      while ((journal.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY) > atMs) journal.pop()?.undo()
      history.clear()
    },
  }
  return tier
}

/** What a framed text stores, as `SET … PX` would. */
function valueFrom({ text, keepMs }: { readonly text: string; readonly keepMs: number }, nowMs: number): Value | undefined {
  const framed = decodeValue(text)
  if (!framed) return undefined
  const { truth, stamp, payload, tailLength, ...life } = framed
  return { life, truth, stamp, payload, tail: tailLength, expiresAtMs: nowMs + keepMs }
}
