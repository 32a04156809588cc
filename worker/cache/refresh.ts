import type { Backoff } from './backoff.ts'
import type { Clock, Random } from './clock.ts'
import { withDeadline } from './deadline.ts'
import type { Held, Key, Stored } from './entry.ts'
import type { Layer, Observe } from './events.ts'
import { lifetimeFrom } from './freshness.ts'
import type { Limiter } from './limiter.ts'
import type { Load, Loaded, SharedTier, Wanted } from './ports.ts'

/** One key to be refreshed. */
export interface Want {
  /** The flight it is of: readers who insist on a truth, or were told of a change, do not fly with those who would take less. */
  readonly flight: string
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
}

/** Hears of each want as soon as it is known. */
export interface Report {
  /** Here is a value; one that lingers is being stored, and will be followed by `settled`, unless its leader dies before. */
  land(want: Want, refreshed: Refreshed, lingersMs?: number): void
  /** May be kept in memory. Not what a refused fill or a load beside somebody else's lease brought: it may be untrue already. */
  keep(want: Want, held: Held<unknown>): void
  /** Whether or not it was stored: who comes now finds it where it is kept, or nowhere. */
  settled(want: Want): void
  crash(want: Want, reason: unknown): void
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
  /** A load is given up after this (milliseconds). */
  readonly loadDeadlineMs: number
  /** Life of a lease: at least the deadline of a load and two of the shared tier (milliseconds). */
  readonly leaseMs: number
  /** How long a reader with nothing to serve waits for the holder of the lease (milliseconds). */
  readonly waitMs: number
  /** First pause between looks at the shared tier; each is half as long again, with jitter (milliseconds). */
  readonly pollMs: number
  /** Off only to show what it is for. */
  readonly lease: boolean
  /** One load for all keys that are granted together, or one for each. */
  readonly loadsTogether: boolean
}

interface Arrived {
  readonly stored: ReadonlyMap<string, Stored>
  /** Keys that could not be loaded though others were. */
  readonly failed: ReadonlyMap<string, unknown>
  readonly startedAtMs: number
}

/** A lease rests a little less than the isolate that failed: when that one tries again, it is not refused. */
const LEASE_REST = 0.8

/** What was loaded, decoded, and handed to those who wait. */
interface Landed {
  readonly want: Want
  readonly held: Held<unknown>
  readonly stored: Stored
}

/** A stored value as memory holds it; undefined where its text is unknown, which is a miss. Throws as `decode` does. */
export function heldFrom(key: Key<unknown>, { life, truth, stamp, payload }: Stored, verifiedAtMs: number): Held<unknown> | undefined {
  const value = payload === null ? null : key.decode(payload)
  return value === undefined ? undefined : { value, life, truth, stamp, verifiedAtMs, quietUntilMs: 0 }
}

/** The scripts' protocol (docs/architecture.md, The scripts) from the reader's side: lease, load, fill; losers wait with jitter, then go alone. */
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
  async function loadNow(wants: readonly Want[], alone: boolean, observe: Observe): Promise<Arrived> {
    let startedAtMs = 0
    const texts = [...new Set(wants.map(({ key }) => key.text))]
    try {
      const loaded = await limiter.run(() => {
        startedAtMs = clock.nowMs()
        return withDeadline(clock, options.loadDeadlineMs, (signal) => load(texts, signal))
      })
      const tookMs = clock.nowMs() - startedAtMs
      observe({ type: 'loaded', keys: texts.length, tookMs, alone })
      const byText = new Map(loaded.map((one) => [one.key, one]))
      const stored = new Map<string, Stored>()
      const failed = new Map<string, unknown>()
      for (const { key, seen } of wants) {
        const one: Loaded = byText.get(key.text) ?? { key: key.text, payload: null }
        if ('error' in one) {
          failed.set(key.text, one.error)
          continue
        }
        const { truth = seen?.truth ?? 0, payload, lifetimes } = one
        const life = lifetimeFrom({ ...key.lifetimes, ...lifetimes }, payload === null, startedAtMs, tookMs, random())
        stored.set(key.text, { life, truth, stamp: 0, payload })
      }
      for (const error of failed.values()) observe({ type: 'load-failed', keys: 1, error })
      return { stored, failed, startedAtMs }
    } catch (error) {
      observe({ type: 'load-failed', keys: texts.length, error })
      throw error
    }
  }

  /** Lets readers have what was loaded; what cannot be decoded crashes by itself. */
  function land(want: Want, { stored, failed, startedAtMs }: Arrived, report: Report, lingersMs?: number): Held<unknown> | undefined {
    const value = stored.get(want.key.text)
    try {
      if (failed.has(want.key.text)) throw failed.get(want.key.text)
      const held = value && heldFrom(want.key, value, startedAtMs)
      if (!held) throw new Error(`${want.key.text} was loaded in an unknown format`)
      if (!lingersMs) backoff.succeeded(want.key.text)
      report.land(want, { held, layer: 'origin' }, lingersMs)
      return held
    } catch (error) {
      report.crash(want, error)
    }
    return undefined
  }

  const whyFailed = ({ key }: Want, { failed }: Arrived): unknown => failed.get(key.text) ?? new Error(`${key.text} could not be decoded`)

  async function loadAlone(wants: readonly Want[], keep: boolean, report: Report, observe: Observe): Promise<void> {
    const loaded = await loadNow(wants, true, observe).catch((error: unknown) => {
      for (const { key } of wants) backoff.failed(key.text, error)
      throw error
    })
    for (const want of wants) {
      const held = land(want, loaded, report)
      if (!held) backoff.failed(want.key.text, whyFailed(want, loaded))
      else if (keep) report.keep(want, held)
    }
  }

  /** Readers get what was loaded at once; it is stored behind their answers, and kept in memory unless the shared tier refused it. */
  async function loadAndFill(wants: readonly Want[], token: string, report: Report, observe: Observe): Promise<void> {
    const loaded = await loadNow(wants, false, observe).catch(async (error: unknown) => {
      await backOff(wants, token, () => error, observe)
      throw error
    })
    const landed: Landed[] = []
    const failed: Want[] = []
    for (const want of wants) {
      const held = land(want, loaded, report, 2 * shared.deadlineMs)
      const stored = loaded.stored.get(want.key.text)
      if (held && stored) landed.push({ want, held, stored })
      else failed.push(want)
    }
    await Promise.all([
      failed.length > 0 ? backOff(failed, token, (want) => whyFailed(want, loaded), observe) : undefined,
      landed.length > 0 ? fill(landed, token, report, observe) : undefined,
    ])
  }

  /** Stores what has landed, and tells what became of it. */
  async function fill(landed: readonly Landed[], token: string, report: Report, observe: Observe): Promise<void> {
    const values = landed.map(({ want, stored }) => ({ key: want.key.text, stored }))
    try {
      const filled = await shared.fill(values, token)
      for (const [i, { want, held, stored }] of landed.entries()) {
        const { key } = want
        const fill = filled[i]
        if (fill) {
          backoff.succeeded(key.text)
          report.keep(want, withPushed(key, held, stored, fill) ?? held)
        } else {
          observe({ type: 'fill-refused', key: key.text })
          backoff.rejected(key.text)
        }
      }
    } catch (error) {
      observe({ type: 'shared-failed', call: 'fill', error })
      // As without a shared tier: memory's max age bounds it, and not every read is a load. Nobody else could fill until the lease runs out.
      for (const { want, held } of landed) report.keep(want, held)
      await giveBack(
        landed.map(({ want }) => want),
        token,
        0,
        observe,
      )
    } finally {
      for (const { want } of landed) report.settled(want)
    }
  }

  /** One reader tries again after a rest, not everybody at once. */
  const backOff = (wants: readonly Want[], token: string, reasonOf: (want: Want) => unknown, observe: Observe): Promise<void> =>
    giveBack(wants, token, LEASE_REST * Math.max(...wants.map((want) => backoff.failed(want.key.text, reasonOf(want)))), observe)

  /** Lets leases run out after a rest, if the shared tier can be told. */
  async function giveBack(wants: readonly Want[], token: string, restMs: number, observe: Observe): Promise<void> {
    const keys = wants.map(({ key }) => key.text)
    const told = shared.release(keys, token, Math.max(1, Math.round(restMs)))
    await told.catch((error: unknown) => observe({ type: 'shared-failed', call: 'release', error }))
  }

  /** What the shared tier holds after a fill: what was loaded, and what was pushed meanwhile. */
  function withPushed(
    key: Key<unknown>,
    held: Held<unknown>,
    stored: Stored,
    { stamp, pushed }: { readonly stamp: number; readonly pushed: string },
  ): Held<unknown> | undefined {
    if (pushed === '' || stored.payload === null) return { ...held, stamp }
    return heldFrom(key, { ...stored, stamp, payload: stored.payload + pushed }, held.verifiedAtMs)
  }

  async function runLeased(wants: readonly Want[], report: Report, observe: Observe): Promise<void> {
    const loading: Promise<void>[] = []
    const giveUpAtMs = clock.nowMs() + options.waitMs
    let waiting = wants
    for (let pauseMs = options.pollMs; waiting.length > 0; pauseMs *= 1.5) {
      // A token for each question: two readers of one key may travel here, and after an invalidation the lease of the second must not let
      // the load of the first, which began before it, be stored.
      const token = newToken()
      const askedAtMs = clock.nowMs()
      const answers = await shared.lease(waiting.map(toWanted), token, options.leaseMs).catch((error: unknown) => {
        observe({ type: 'shared-failed', call: 'lease', error })
      })
      if (!answers) {
        // What was lost may be the answer only: then the lease is ours, and until it ends others would wait for us.
        loading.push(giveBack(waiting, token, 0, observe), ...goAlone(waiting, true, report, observe))
        break
      }
      const granted: Want[] = []
      const refused: Want[] = []
      for (const [i, want] of waiting.entries()) {
        const answer = answers[i]
        if (!answer) continue
        const { text } = want.key
        const better = answer.stored && readable(want.key, answer.stored, askedAtMs, observe)
        const best = better ?? want.seen
        observe({ type: 'leased', key: text, state: answer.state })
        if (answer.state === 'refused' && !want.waits) backoff.refused(text)
        if (answer.state === 'granted') granted.push(want)
        else if (better && answer.state === 'fresher') give(want, better)
        else if (best && (!want.waits || servable(best, want.leastTruth))) give(want, best)
        else refused.push({ ...want, seen: best, unreadable: answer.state === 'fresher' })
      }
      for (const load of loadsOf(granted)) loading.push(guarded(load, report, loadAndFill(load, token, report, observe)))
      waiting = refused
      if (waiting.length === 0) break
      if (clock.nowMs() + pauseMs > giveUpAtMs) {
        loading.push(...goAlone(waiting, false, report, observe))
        break
      }
      await clock.sleep(pauseMs * (0.5 + random()))
    }
    await Promise.all(loading)

    function give(want: Want, held: Held<unknown>): void {
      report.land(want, { held, layer: 'shared' })
      if (held !== want.seen) report.keep(want, held)
    }
  }

  /** The loads that these keys need. */
  const loadsOf = (wants: readonly Want[]): readonly (readonly Want[])[] =>
    options.loadsTogether && wants.length > 0 ? [wants] : wants.map((want) => [want])
  const goAlone = (wants: readonly Want[], keep: boolean, report: Report, observe: Observe): Promise<void>[] =>
    loadsOf(wants).map((load) => guarded(load, report, loadAlone(load, keep, report, observe)))

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
        ...goAlone(unleased, true, report, observe),
      ])
    },
    busy: () => limiter.full,
  }
}

/** `heldFrom` where a failure is a miss, and what is known to be unchanged is not decoded again. */
export function readable(
  key: Key<unknown>,
  stored: Stored,
  verifiedAtMs: number,
  observe: Observe,
  known?: Held<unknown>,
): Held<unknown> | undefined {
  try {
    return known && isSame(known, stored) ? { ...known, verifiedAtMs, quietUntilMs: 0 } : heldFrom(key, stored, verifiedAtMs)
  } catch (error) {
    observe({ type: 'undecodable', key: key.text, error })
    return undefined
  }
}

/** The same load with the same pushes: truth alone need not change, and stamps begin anew after an invalidation. */
const isSame = (a: Pick<Stored, 'life' | 'truth' | 'stamp'>, b: Pick<Stored, 'life' | 'truth' | 'stamp'>): boolean =>
  a.stamp === b.stamp &&
  a.truth === b.truth &&
  a.life.softExpiresAtMs === b.life.softExpiresAtMs &&
  a.life.hardExpiresAtMs === b.life.hardExpiresAtMs

/** Turns the failure of some keys' work into their crashes: the others go on. */
const guarded = (wants: readonly Want[], report: Report, work: Promise<void>): Promise<void> =>
  work.catch((error: unknown) => {
    for (const want of wants) report.crash(want, error)
  })
