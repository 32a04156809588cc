import type { CrowdLine } from '../../contract/demo.ts'
import type { Clock } from '../cache/clock.ts'

interface Burst {
  readonly readers: number
  /** Sends one reader; true when it was answered. */
  readonly read: () => Promise<boolean>
  /** Loads of the key that have arrived at the origin. */
  readonly countLoads: () => Promise<number>
  readonly clock: Clock
}

/** A line about this often (milliseconds). */
const LINE_MS = 50
/** Readers who have not been answered by then have failed (milliseconds). */
export const BURST_MS = 10_000

/** Sends all readers at once and tells how they fare, until all of them are served or their time is up. */
export async function* burst({ readers, read, countLoads, clock }: Burst): AsyncGenerator<CrowdLine, void> {
  const startedAtMs = clock.nowMs()
  const tookMs: number[] = []
  let failed = 0
  let originLoads = 0
  let counting: Promise<void> | undefined
  const elapsedMs = () => clock.nowMs() - startedAtMs
  const told = () => ({ readers, answered: tookMs.length, failed, origin_loads: originLoads, elapsed_ms: elapsedMs() })

  async function send(): Promise<void> {
    if (await read().catch(() => false)) tookMs.push(elapsedMs())
    else failed++
  }
  /** Behind the lines: an origin that is busy with the burst takes its time. */
  function count(): void {
    counting ??= countLoads()
      .then(
        (loads) => {
          originLoads = loads
        },
        () => {},
      )
      .finally(() => {
        counting = undefined
      })
  }

  const everybody = Promise.all(Array.from({ length: readers }, send))
  for (;;) {
    const enough = new AbortController()
    await Promise.race([everybody, clock.sleep(LINE_MS, enough.signal)])
    enough.abort()
    if (tookMs.length + failed === readers || elapsedMs() >= BURST_MS) break
    count()
    yield { ...told(), done: false }
  }
  failed = readers - tookMs.length
  const last = told()
  const sorted = tookMs.toSorted((a, b) => a - b)
  await counting
  yield { ...last, origin_loads: await countLoads(), done: true, p50_ms: quantile(sorted, 0.5), p99_ms: quantile(sorted, 0.99) }
}

/** The nearest rank; null of nothing. */
const quantile = (sorted: readonly number[], share: number): number | null => sorted[Math.ceil(share * sorted.length) - 1] ?? null
