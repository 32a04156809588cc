import { createBackoff } from './backoff.ts'
import { createBreaker } from './breaker.ts'
import type { Clock, Random } from './clock.ts'
import { createLimiter, type Limiter } from './limiter.ts'
import type { MemoryTier } from './memory-tier.ts'
import { NO_SHARED_TIER } from './no-shared-tier.ts'
import type { Load, SharedTier } from './ports.ts'
import { createReadThrough, type ReadThrough } from './read-through.ts'
import { createRefresh } from './refresh.ts'
import { createSources } from './sources.ts'
import { withBreaker } from './with-breaker.ts'

/** Protections that may be switched off, to see what they are for. */
export type Protection = 'singleflight' | 'lease' | 'xfetch' | 'batching' | 'breaker' | 'backoff'

/** What an operator may set. Everything else follows from it. Milliseconds. */
export interface CoreSettings {
  /** Memory never answers beyond this without asking the shared tier, unless that cannot be reached. */
  readonly maxAgeMs: number
  /** Eagerness of X-Fetch. */
  readonly beta: number
  /** What a reader waits for the shared tier who has something within its hard TTL, verified within the max age and 2 s more. */
  readonly sharedSoftMs: number
  readonly loadDeadlineMs: number
  /** What a reader waits for a load who has something in grace. */
  readonly loadSoftMs: number
  /** Loads an isolate may have in the air at once; more wait half a load's deadline, then are refused. */
  readonly maxLoads: number
  readonly switchedOff: ReadonlySet<Protection>
}

export const DEFAULTS: CoreSettings = {
  // With a replica 1 s behind it makes 3 s.
  maxAgeMs: 2_000,
  // Vattani et al. have 1 for lives that begin when a load ends; ours begin when it starts, so the same eagerness would load more often.
  beta: 0.75,
  sharedSoftMs: 100,
  loadDeadlineMs: 2_000,
  loadSoftMs: 500,
  maxLoads: 32,
  switchedOff: new Set(),
}

/** Cloudflare cuts work behind an answer after 30 s: whoever leads for longer is taken for dead (milliseconds). */
const WAIT_UNTIL_MS = 28_000
/** So much later than memory's max age a value may be confirmed: with a replica 1 s behind that makes 5 s (milliseconds). */
const LATE_MS = 2_000
/** How far a replica of the shared tier may be behind (milliseconds). */
const REPLICA_LAG_MS = 1_000
const BREAKER = { failures: 5, openMs: 1_000 }
/** The cap leaves room for a load within the second in which what has healed is to be found out. */
const BACKOFF = { firstMs: 250, maxMs: 900, refusedMs: 50 }

/** What a call to a shared tier may take (milliseconds): five times what the same continent needs. */
export const SHARED_DEADLINE_MS = 250

interface Parts {
  readonly memory: MemoryTier
  readonly shared: SharedTier
  readonly load: Load
  /** False for a loader that asks for one key at a time: then no key waits for another's load, nor fails with it. */
  readonly loadsTogether?: boolean
  readonly clock: Clock
  readonly random: Random
  /** 22 characters that nobody else makes. */
  readonly newToken: () => string
}

export interface Core {
  readonly read: ReadThrough
  readonly limiter: Limiter
  /** The shared tier as readers use it. */
  readonly shared: SharedTier
  /** This isolate forgets what it knows or is being told of these keys, and asks no replica for them until replicas have caught up. */
  forget(keys: readonly string[]): void
}

/** The whole read path around its parts. */
export function createCore(
  { memory, shared: tier, load, loadsTogether = true, clock, random, newToken }: Parts,
  settings: CoreSettings,
): Core {
  const { loadDeadlineMs, maxAgeMs, switchedOff: off } = settings
  const sharedDeadlineMs = tier.deadlineMs
  const breaker = createBreaker({ ...BREAKER, ...(off.has('breaker') && { failures: Number.POSITIVE_INFINITY }) }, clock)
  const backoff = createBackoff(off.has('backoff') ? { firstMs: 0, maxMs: 0, refusedMs: 0 } : BACKOFF, clock, random)
  const shared = withBreaker(tier, breaker)
  const beta = off.has('xfetch') ? 0 : settings.beta
  const limiter = createLimiter({ max: settings.maxLoads, waitMs: loadDeadlineMs / 2, holdMs: 2 * loadDeadlineMs }, clock, random)
  const refresh = createRefresh({
    shared,
    load,
    limiter,
    backoff,
    clock,
    random,
    newToken,
    options: {
      loadDeadlineMs,
      // The wait in the bulkhead, the load, and two calls to L2: a lease that ends sooner has its fill refused.
      leaseMs: 1.5 * loadDeadlineMs + 2 * sharedDeadlineMs + 500,
      waitMs: loadDeadlineMs,
      pollMs: 20,
      lease: !off.has('lease'),
      loadsTogether,
    },
  })
  const sources = createSources({
    memory,
    shared,
    refresh,
    clock,
    options: {
      maxAgeMs,
      beta,
      // A loser of the lease may wait as long as a load, then for a place, and then load by itself.
      flightMs: Math.min(WAIT_UNTIL_MS, 2.5 * loadDeadlineMs + 4 * sharedDeadlineMs + 500),
      readFlightMs: 2 * sharedDeadlineMs + 100,
      replicaLagMs: REPLICA_LAG_MS,
      singleflight: !off.has('singleflight'),
      batching: !off.has('batching'),
      loadsTogether,
    },
  })
  const read = createReadThrough({
    sources,
    backoff,
    busy: () => limiter.full,
    breaker,
    clock,
    options: {
      maxAgeMs,
      beta,
      sharedSoftMs: settings.sharedSoftMs,
      sharedSoftAgeMs: maxAgeMs + LATE_MS,
      loadSoftMs: settings.loadSoftMs,
      leases: tier !== NO_SHARED_TIER && !off.has('lease'),
    },
  })
  return { read, limiter, shared, forget: sources.forget }
}
