import type { Backoff } from './backoff.ts'
import type { Clock, Random } from './clock.ts'
import type { Held, Key, Stored } from './entry.ts'
import type { Layer, Observe } from './events.ts'
import { lifetimeFrom } from './freshness.ts'
import type { Limiter } from './limiter.ts'
import type { Load, SharedTier, Wanted } from './ports.ts'

/** One key to be refreshed. */
export interface Want {
  readonly key: Key<unknown>
  /** What the reader saw and may fall back on. */
  readonly seen: Held<unknown> | undefined
  readonly leastTruth: number
  /** A reader waits for it; otherwise it runs behind an answer and gives up at once when somebody else is at it. */
  readonly waits: boolean
  /** The shared tier has just failed for this key: do not ask it again. */
  readonly unleased: boolean
  /** What is stored is in a format we do not know: nothing of it will do. */
  readonly unreadable?: boolean
}

export interface Refreshed {
  readonly held: Held<unknown>
  readonly layer: Layer
  /** May be kept in memory. Not what a refused fill or a load beside somebody else's lease brought: it may be untrue already. */
  readonly keep: boolean
}

/** Hears of each key as soon as it is known. */
export interface Report {
  land(key: Key<unknown>, refreshed: Refreshed): void
  crash(key: Key<unknown>, reason: unknown): void
}

/** Gets better values than were seen: with the lease, or from whoever holds it, or after a bounded wait alone. */
export interface Refresh {
  run(wants: readonly Want[], report: Report, observe: Observe): Promise<void>
  /** True while the bulkhead is full. */
  busy(): boolean
}

interface Parts {
  readonly shared: SharedTier
  readonly load: Load
  readonly limiter: Limiter
  readonly backoff: Backoff
  readonly clock: Clock
  readonly random: Random
  readonly newToken: () => string
  readonly options: RefreshOptions
}

export interface RefreshOptions {
  /** Life of a lease: at least the deadline of a load and two of the shared tier (milliseconds). */
  readonly leaseMs: number
  /** How long a reader with nothing to serve waits for the holder of the lease (milliseconds). */
  readonly waitMs: number
  /** First pause between looks at the shared tier; each is half as long again, with jitter (milliseconds). */
  readonly pollMs: number
  /** A load that failed is tried again after this by one of all readers (milliseconds). */
  readonly retryMs: number
  /** Off only to show what it is for. */
  readonly lease: boolean
}

/** A stored value as memory holds it; undefined where its text is unknown, which is a miss. */
export function heldFrom(key: Key<unknown>, stored: Stored, verifiedAtMs: number): Held<unknown> | undefined {
  const value = stored.payload === null ? null : key.decode(stored.payload)
  return value === undefined ? undefined : { value, life: stored.life, truth: stored.truth, stamp: stored.stamp, verifiedAtMs }
}

/** The scripts' protocol (docs/architecture.md) from the reader's side: lease, load, fill; losers wait with jitter, then go alone. */
export function createRefresh({ shared, load, limiter, backoff, clock, random, newToken, options }: Parts): Refresh {
  /** What would spare a reader the load: a value that is fresh now, and fresher than one he could use but for its age. */
  function toWanted({ key, seen, leastTruth, unreadable = false }: Want): Wanted {
    const usable = seen && seen.truth >= leastTruth ? seen.life.softExpiresAtMs : 0
    return {
      key: key.text,
      leastTruth,
      beatsSoftEndMs: unreadable ? Number.MAX_SAFE_INTEGER : Math.max(clock.nowMs(), usable),
      seenSoftEndMs: seen?.life.softExpiresAtMs ?? 0,
      seenStamp: seen?.stamp ?? 0,
    }
  }

  /** Loads in one round trip; answers what each key would be stored as, with lives counted from the start. */
  async function loadNow(
    wants: readonly Want[],
    alone: boolean,
    observe: Observe,
  ): Promise<{ stored: Map<string, Stored>; startedAtMs: number }> {
    let startedAtMs = 0
    try {
      const loaded = await limiter.run(() => {
        startedAtMs = clock.nowMs()
        return load(wants.map(({ key }) => key.text))
      })
      const tookMs = clock.nowMs() - startedAtMs
      observe({ type: 'loaded', keys: wants.length, tookMs, alone })
      const byText = new Map(loaded.map((one) => [one.key, one]))
      const stored = new Map<string, Stored>()
      for (const { key } of wants) {
        backoff.succeeded(key.text)
        const { truth = 0, payload = null } = byText.get(key.text) ?? {}
        const life = lifetimeFrom(key.lifetimes, payload === null, startedAtMs, tookMs, random())
        stored.set(key.text, { life, truth, stamp: 0, payload })
      }
      return { stored, startedAtMs }
    } catch (error) {
      for (const { key } of wants) backoff.failed(key.text)
      observe({ type: 'load-failed', keys: wants.length, error })
      throw error
    }
  }

  async function loadAlone(wants: readonly Want[], keep: boolean, report: Report, observe: Observe): Promise<void> {
    const { stored, startedAtMs } = await loadNow(wants, true, observe)
    for (const { key } of wants) {
      const value = stored.get(key.text)
      const held = value && heldFrom(key, value, startedAtMs)
      if (held) report.land(key, { held, layer: 'origin', keep })
    }
  }

  async function loadAndFill(wants: readonly Want[], token: string, report: Report, observe: Observe): Promise<void> {
    const { stored, startedAtMs } = await loadNow(wants, false, observe).catch(async (error: unknown) => {
      const keys = wants.map(({ key }) => key.text)
      await shared
        .release(keys, token, options.retryMs)
        .catch((cause: unknown) => observe({ type: 'shared-failed', call: 'release', error: cause }))
      throw error
    })
    const values = [...stored].map(([key, value]) => ({ key, stored: value }))
    const filled = await shared.fill(values, token).catch((error: unknown) => {
      observe({ type: 'shared-failed', call: 'fill', error })
      return []
    })
    for (const [i, { key }] of wants.entries()) {
      const value = stored.get(key.text)
      const fill = filled[i]
      if (!value) continue
      if (!fill) observe({ type: 'fill-refused', key: key.text })
      const merged = fill ? { ...value, stamp: fill.stamp, payload: value.payload === null ? null : value.payload + fill.pushed } : value
      const held = heldFrom(key, merged, startedAtMs)
      if (held) report.land(key, { held, layer: 'origin', keep: fill !== undefined })
    }
  }

  async function runLeased(wants: readonly Want[], report: Report, observe: Observe): Promise<void> {
    const token = newToken()
    const loading: Promise<void>[] = []
    const giveUpAtMs = clock.nowMs() + options.waitMs
    let waiting = wants
    for (let pauseMs = options.pollMs; waiting.length > 0; pauseMs *= 1.5) {
      const askedAtMs = clock.nowMs()
      const answers = await shared.lease(waiting.map(toWanted), token, options.leaseMs).catch((error: unknown) => {
        observe({ type: 'shared-failed', call: 'lease', error })
      })
      if (!answers) {
        loading.push(guarded(waiting, report, loadAlone(waiting, true, report, observe)))
        break
      }
      const granted: Want[] = []
      const refused: Want[] = []
      for (const [i, want] of waiting.entries()) {
        const answer = answers[i]
        if (!answer) continue
        const best = (answer.stored && heldFrom(want.key, answer.stored, askedAtMs)) ?? want.seen
        observe({ type: 'leased', key: want.key.text, state: answer.state })
        if (answer.state === 'fresher' && best && best !== want.seen) report.land(want.key, { held: best, layer: 'shared', keep: true })
        else if (answer.state === 'granted') granted.push(want)
        else if (best && (!want.waits || servable(best, want.leastTruth)))
          report.land(want.key, { held: best, layer: 'shared', keep: best !== want.seen })
        else refused.push({ ...want, seen: best, unreadable: answer.state === 'fresher' })
      }
      if (granted.length > 0) loading.push(guarded(granted, report, loadAndFill(granted, token, report, observe)))
      waiting = refused
      if (waiting.length === 0) break
      if (clock.nowMs() + pauseMs > giveUpAtMs) {
        loading.push(guarded(waiting, report, loadAlone(waiting, false, report, observe)))
        break
      }
      await clock.sleep(pauseMs * (0.5 + random()))
    }
    await Promise.all(loading)
  }

  /** Within its hard TTL and true enough: a loser of the lease serves it at once. */
  const servable = (held: Held<unknown>, leastTruth: number): boolean =>
    held.truth >= leastTruth && clock.nowMs() < held.life.hardExpiresAtMs

  return {
    async run(wants, report, observe) {
      const asksForLease = ({ unleased }: Want): boolean => options.lease && !unleased
      const leased = wants.filter(asksForLease)
      const unleased = wants.filter((want) => !asksForLease(want))
      await Promise.all([
        leased.length > 0 ? guarded(leased, report, runLeased(leased, report, observe)) : undefined,
        // Kept in memory, else a dead shared tier would turn every read into a load: memory's max age bounds it.
        unleased.length > 0 ? guarded(unleased, report, loadAlone(unleased, true, report, observe)) : undefined,
      ])
    },
    busy: () => limiter.full,
  }
}

/** Turns the failure of some keys' work into their crashes: the others go on. */
const guarded = (wants: readonly Want[], report: Report, work: Promise<void>): Promise<void> =>
  work.catch((error: unknown) => {
    for (const { key } of wants) report.crash(key, error)
  })
