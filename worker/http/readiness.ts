import type { Clock } from '../cache/clock.ts'

/** Asks something the worker depends on; resolves to false, or rejects, when it is not well. Gives up by itself. */
export type Probe = () => Promise<boolean>

interface Checked {
  readonly ok: boolean
  readonly ms: number
}
export interface Verdict {
  /** `degraded`: one of the two is gone, reads are still served. `not ready`: nothing beyond this isolate's memory could be. */
  readonly status: 'ready' | 'degraded' | 'not ready'
  readonly checks: { readonly l2: Checked; readonly origin: Checked }
}
export type Readiness = () => Promise<Verdict>

/** Milliseconds a verdict is repeated: anybody may ask, and each isolate asks Redis and the origin once a second at most. */
const FRESH_MS = 1_000
/** Milliseconds after which somebody else asks: the probes have given up by then, or the client of whoever asked has left. */
const TAKE_OVER_MS = 1_500
const POLL_MS = 20

/**
 * Whether this isolate can serve reads. Only plain data is shared between requests (docs/architecture.md, Isolates): one asks, the others
 * look with timers of their own whether it has answered.
 */
export function createReadiness(probes: { readonly l2: Probe; readonly origin: Probe }, clock: Clock): Readiness {
  let last: { readonly verdict: Verdict; readonly atMs: number } | undefined
  let askedUntilMs = 0

  async function check(probe: Probe): Promise<Checked> {
    const startedAtMs = clock.nowMs()
    const ok = await probe().catch(() => false)
    return { ok, ms: clock.nowMs() - startedAtMs }
  }

  return async () => {
    for (;;) {
      const nowMs = clock.nowMs()
      if (last && nowMs < last.atMs + FRESH_MS) return last.verdict
      if (nowMs >= askedUntilMs) break
      await clock.sleep(POLL_MS)
    }
    askedUntilMs = clock.nowMs() + TAKE_OVER_MS
    const [l2, origin] = await Promise.all([check(probes.l2), check(probes.origin)])
    const status = l2.ok && origin.ok ? 'ready' : l2.ok || origin.ok ? 'degraded' : 'not ready'
    const verdict: Verdict = { status, checks: { l2, origin } }
    last = { verdict, atMs: clock.nowMs() }
    askedUntilMs = 0
    return verdict
  }
}
