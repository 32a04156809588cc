import type { Invalidation } from '../../contract/l2/calls.ts'
import { encodePushed, type PackedEntry } from '../../contract/l2/codec.ts'
import { decodeValue } from '../../contract/l2/value.ts'
import type { Stored } from '../../worker/cache/entry.ts'
import type { SharedTier } from '../../worker/cache/ports.ts'
import { type Cell, filled, invalidated, type Lease, leased, newLease, pushed, type Value } from './l2-rules.ts'

/** What the origin says to it; `origin/fanout/l2-port.ts` for one process. */
interface Writes {
  push(entries: readonly PackedEntry[], deliveries: readonly { readonly key: string; readonly entry: number }[]): Promise<number>
  invalidate(invalidations: readonly Invalidation[]): Promise<number>
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

interface Ends {
  readonly expiresAtMs: number
}

/**
 * The shared tier in memory, on a clock that a test advances: the twin of the scripts of `contract/l2`. `test/conformance` holds both
 * to the same suite.
 */
export function createMemorySharedTier(clock: {
  nowMs(): number
  sleep(ms: number): Promise<void>
}): Omit<SharedTier, 'invalidate'> & Writes & Switches {
  const values = new Map<string, Value & Ends>()
  const leases = new Map<string, Lease & Ends>()
  /** Per key what it was before each write, oldest first. */
  const history = new Map<string, { readonly untilMs: number; readonly before: (Value & Ends) | undefined }[]>()
  let replicaLagMs = 0
  let beat = 0

  function alive<T extends { readonly expiresAtMs: number }>(map: Map<string, T>, key: string): T | undefined {
    const found = map.get(key)
    return found && found.expiresAtMs > clock.nowMs() ? found : undefined
  }
  function put(key: string, value: (Value & Ends) | undefined): void {
    if (replicaLagMs > 0) history.set(key, [...(history.get(key) ?? []), { untilMs: clock.nowMs(), before: values.get(key) }])
    if (value) values.set(key, value)
    else values.delete(key)
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
    if (tier.latencyMs > 0) await clock.sleep(tier.latencyMs / 2)
    if (tier.down) throw new Error('the shared tier is down')
    const answer = call()
    if (tier.latencyMs > 0) await clock.sleep(tier.latencyMs / 2)
    return answer
  }

  const cellOf = (key: string) => ({ value: alive(values, key), lease: alive(leases, key) })
  /** Keeps a value that was changed for as long as the one before, or as long as is said. */
  function putCell(key: string, before: ReturnType<typeof cellOf>, { value, lease }: Cell, keepUntilMs?: number): void {
    const expiresAtMs = keepUntilMs ?? before.value?.expiresAtMs ?? 0
    if (value !== before.value) put(key, value && { ...value, expiresAtMs })
    if (lease && before.lease) leases.set(key, { ...lease, expiresAtMs: before.lease.expiresAtMs })
    else leases.delete(key)
  }

  function pushOne(key: string, text: string): void {
    const cell = cellOf(key)
    putCell(key, cell, pushed(cell, text))
  }
  function invalidateOne({ key, truth, replacement }: Invalidation): void {
    const cell = cellOf(key)
    putCell(key, cell, invalidated(cell, truth, replacement && valueFrom(replacement.text)), clock.nowMs() + (replacement?.keepMs ?? 0))
  }
  function fillOne(key: string, stored: Stored, token: string): { stamp: number; pushed: string } | undefined {
    const cell = cellOf(key)
    const after = filled(cell, stored, token)
    putCell(key, cell, after.cell, Math.max(stored.life.graceEndsAtMs, clock.nowMs() + 1))
    return after.filled
  }

  const tier: SharedTier & Writes & Switches = {
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
          const { state, shown } = leased(cellOf(key), seen)
          if (state === 'granted') leases.set(key, { ...newLease(token), expiresAtMs: clock.nowMs() + leaseMs })
          return { state, stored: answered(shown) }
        }),
      )
    },
    async release(keys, token, restMs) {
      tier.calls.push({ call: 'release', keys })
      return over(() => {
        for (const key of keys) {
          const lease = alive(leases, key)
          if (lease?.token === token) leases.set(key, { ...lease, expiresAtMs: clock.nowMs() + restMs })
        }
      })
    },
    async fill(filled, token) {
      tier.calls.push({ call: 'fill', keys: filled.map(({ key }) => key) })
      return over(() => filled.map(({ key, stored }) => fillOne(key, stored, token)))
    },
    push: (entries, deliveries) =>
      over(() => {
        for (const { key, entry } of deliveries) {
          const pushed = entries[entry]
          if (pushed) pushOne(key, encodePushed(pushed))
        }
        return ++beat
      }),
    invalidate: (invalidations) =>
      over(() => {
        for (const invalidation of invalidations) invalidateOne(invalidation)
        return ++beat
      }),
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
