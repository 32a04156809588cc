/** One thing readiness looks at. */
export interface Check {
  /** Without it nothing can be served. */
  readonly required: boolean
  /** True when all is well; false or a rejection when not. */
  ask(): Promise<boolean>
}

export interface Verdict {
  /** `degraded`: something is wrong that requests survive. */
  readonly status: 'ready' | 'degraded' | 'not ready'
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly ms: number }>>
}
export type Readiness = () => Promise<Verdict>

interface Clock {
  monotonicMs(): number
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

/** Milliseconds a verdict is repeated: anybody may ask, so asking often costs Postgres nothing. */
const FRESH_MS = 1_000
/** Milliseconds a check may take. */
const DEADLINE_MS = 2_000

/**
 * Whether this process may take traffic. Requests that come while checks run share their verdict, which holds for a second;
 * `stopping` is asked each time, so that a load balancer learns of a shutdown at once.
 */
export function createReadiness(checks: Readonly<Record<string, Check>>, stopping: () => boolean, clock: Clock): Readiness {
  let shared: Promise<Verdict> | undefined
  let freshUntilMs = 0

  async function run({ ask }: Check): Promise<{ ok: boolean; ms: number }> {
    const startedAtMs = clock.monotonicMs()
    const done = new AbortController()
    const answer = ask().catch(() => false)
    const ok = await Promise.race([answer, clock.sleep(DEADLINE_MS, done.signal).then(() => false)])
    done.abort()
    return { ok, ms: Math.round(clock.monotonicMs() - startedAtMs) }
  }

  async function askAll(): Promise<Verdict> {
    const entries = await Promise.all(Object.entries(checks).map(async ([name, check]) => [name, await run(check)] as const))
    freshUntilMs = clock.monotonicMs() + FRESH_MS
    const wrong = entries.flatMap(([name, { ok }]) => (ok ? [] : [checks[name]]))
    const status = wrong.some((check) => check?.required) ? 'not ready' : wrong.length > 0 ? 'degraded' : 'ready'
    return { status, checks: Object.fromEntries(entries) }
  }

  return async () => {
    if (stopping()) return { status: 'not ready', checks: { running: { ok: false, ms: 0 } } }
    if (!shared || clock.monotonicMs() >= freshUntilMs) {
      freshUntilMs = Number.POSITIVE_INFINITY // until it is known
      shared = askAll()
    }
    return shared
  }
}
