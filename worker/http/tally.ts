import type { CacheEvent, Layer } from '../cache/events.ts'

/** What the cache did for one request: the source of its headers and of its analytics point. */
export interface Tally {
  readonly observe: (event: CacheEvent) => void
  readonly answers: Readonly<Record<Layer, number>>
  readonly collapsed: number
  readonly stale: number
  readonly sharedMs: number
  readonly originMs: number
  readonly sharedReads: number
  readonly loads: number
  /** Why the answer may be less than it should be. */
  readonly degraded: ReadonlySet<string>
}

export function createTally(): Tally {
  const tally = {
    answers: { memory: 0, shared: 0, origin: 0 },
    collapsed: 0,
    stale: 0,
    sharedMs: 0,
    originMs: 0,
    sharedReads: 0,
    loads: 0,
    degraded: new Set<string>(),
    observe(event: CacheEvent) {
      switch (event.type) {
        case 'answered':
          tally.answers[event.layer]++
          if (event.collapsed) tally.collapsed++
          if (event.freshness !== 'fresh') tally.stale++
          if (event.freshness === 'grace') tally.degraded.add('stale')
          if (event.unverified) tally.degraded.add('l2-unavailable')
          break
        case 'shared-read':
          tally.sharedReads++
          tally.sharedMs += event.tookMs
          break
        case 'loaded':
          tally.loads++
          tally.originMs += event.tookMs
          break
        case 'shared-failed':
          tally.degraded.add('l2-unavailable')
          break
        case 'load-failed':
          tally.degraded.add('origin-unavailable')
      }
    },
  }
  return tally
}

/** `Cache-Status` (RFC 9211): the cache nearest to the origin first. */
export function cacheStatus({ answers, collapsed, stale }: Tally): string {
  const detail = `detail="memory=${answers.memory} shared=${answers.shared} origin=${answers.origin} stale=${stale}"`
  const shared = collapsed > 0 ? '; collapsed' : ''
  if (answers.origin > 0) return `tideline-l2; fwd=miss${shared}, tideline-l1; fwd=miss; ${detail}`
  if (answers.shared > 0) return `tideline-l2; hit, tideline-l1; fwd=miss${shared}; ${detail}`
  return `tideline-l1; hit; ${detail}`
}

/** `Server-Timing`: what the request waited for. Production clocks stand still during CPU work, so only I/O shows. */
export function serverTiming({ sharedMs, sharedReads, originMs, loads }: Tally, totalMs: number): string {
  const parts = [`total;dur=${totalMs}`]
  if (sharedReads > 0) parts.push(`l2;dur=${sharedMs};desc="${sharedReads} reads"`)
  if (loads > 0) parts.push(`origin;dur=${originMs};desc="${loads} loads"`)
  return parts.join(', ')
}
