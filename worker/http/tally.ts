import { classOf, type KeyClass } from '../../contract/analytics.ts'
import type { CacheEvent, Layer, Observe } from '../cache/events.ts'

/** Something the request waited for. */
export interface Span {
  readonly layer: 'shared' | 'origin'
  /** Keys that were waited for; undefined for history that no cache holds. */
  readonly keys: number | undefined
  /** Epoch milliseconds. */
  readonly startedAtMs: number
  readonly tookMs: number
}

/** What the cache did for one request: the source of its headers and of its analytics point. */
export interface Tally {
  readonly observe: (event: CacheEvent) => void
  readonly waited: (span: Span) => void
  readonly answers: Readonly<Record<Layer, number>>
  /** The same by class of key. */
  readonly classes: Readonly<Record<KeyClass, Readonly<Record<Layer, number>>>>
  readonly collapsed: number
  readonly stale: number
  /** Requests to the origin for history that no cache holds. */
  readonly history: number
  /** What the request waited for L2, and for the origin (milliseconds). */
  readonly sharedMs: number
  readonly originMs: number
  /** What was asked of L2, and of the origin: work behind the answer too, as far as it has been done. */
  readonly sharedReads: number
  readonly loads: number
  /** The first waits, in order. */
  readonly spans: readonly Span[]
  /** When the oldest value that was used was verified (epoch milliseconds); infinite where none was. */
  readonly oldestAtMs: number
  /** Why the answer may be less than it should be. */
  readonly degraded: ReadonlySet<string>
}

/** Waits that are told one by one: a header has its limits, and a feed from cold has eight. */
const MAX_SPANS = 12
/** Parts of an answer whose `Cache-Status` is kept as a text. */
const MAX_HITS = 1_000

/** Counts one request's events, and passes them on. */
export function createTally(passOn: Observe = () => {}): Tally {
  const spans: Span[] = []
  const tally = {
    answers: noAnswers(),
    classes: noClasses(),
    collapsed: 0,
    stale: 0,
    history: 0,
    sharedMs: 0,
    originMs: 0,
    sharedReads: 0,
    loads: 0,
    spans,
    oldestAtMs: Number.POSITIVE_INFINITY,
    degraded: new Set<string>(),
    waited(span: Span) {
      if (span.keys === undefined) tally.history++
      if (span.layer === 'shared') tally.sharedMs += span.tookMs
      else tally.originMs += span.tookMs
      if (spans.length < MAX_SPANS) spans.push(span)
    },
    observe(event: CacheEvent) {
      passOn(event)
      switch (event.type) {
        case 'hits':
          countHits(tally.classes, event.keys)
          tally.answers.memory += event.keys.length
          tally.oldestAtMs = Math.min(tally.oldestAtMs, event.oldestAtMs)
          break
        case 'answered': {
          const keyClass = classOf(event.key)
          if (keyClass) tally.classes[keyClass][event.layer]++
          tally.answers[event.layer]++
          tally.oldestAtMs = Math.min(tally.oldestAtMs, event.verifiedAtMs)
          if (event.collapsed) tally.collapsed++
          if (event.freshness !== 'fresh') tally.stale++
          if (event.freshness === 'grace') tally.degraded.add('stale')
          if (event.unverified) tally.degraded.add('l2-unavailable')
          break
        }
        case 'waited':
          tally.waited(event)
          break
        case 'shared-read':
          tally.sharedReads++
          break
        case 'loaded':
          tally.loads++
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

function countHits(classes: Record<KeyClass, Record<Layer, number>>, keys: readonly { readonly text: string }[]): void {
  for (let i = 0; i < keys.length; i++) {
    const keyClass = classOf(keys[i]?.text ?? '')
    if (keyClass) classes[keyClass].memory++
  }
}

const noClasses = (): Record<KeyClass, Record<Layer, number>> => ({
  tl: noAnswers(),
  crowd: noAnswers(),
  au: noAnswers(),
  po: noAnswers(),
  us: noAnswers(),
  vw: noAnswers(),
})
const noAnswers = (): Record<Layer, number> => ({ memory: 0, shared: 0, origin: 0 })

/** What nearly every answer says, made once: a text put together anew for each costs a sixth of a cached page. */
const HITS: string[] = []
const TOTALS = Array.from({ length: 100 }, (_, ms) => `total;dur=${ms}`)

/** `Cache-Status` (RFC 9211): the cache nearest to the origin first. */
export function cacheStatus({ answers, collapsed, stale }: Tally): string {
  if (answers.shared === 0 && answers.origin === 0 && collapsed === 0 && stale === 0 && answers.memory < MAX_HITS) {
    HITS[answers.memory] ??= `tideline-l1; hit; detail="memory=${answers.memory} shared=0 origin=0 stale=0"`
    return HITS[answers.memory] ?? ''
  }
  const detail = `detail="memory=${answers.memory} shared=${answers.shared} origin=${answers.origin} stale=${stale}"`
  const shared = collapsed > 0 ? '; collapsed' : ''
  if (answers.origin > 0) return `tideline-l2; fwd=miss${shared}, tideline-l1; fwd=miss; ${detail}`
  if (answers.shared > 0) return `tideline-l2; hit, tideline-l1; fwd=miss${shared}; ${detail}`
  return `tideline-l1; hit; ${detail}`
}

/**
 * `Server-Timing` as a waterfall: the whole, then each thing waited for, in order, with its start counted from that of the request.
 * Production clocks stand still during CPU work, so only I/O shows.
 */
export function serverTiming({ spans }: Tally, startedAtMs: number, nowMs: number): string {
  const totalMs = nowMs - startedAtMs
  const total = TOTALS[totalMs] ?? `total;dur=${totalMs}`
  if (spans.length === 0) return total
  const waits = spans.map((span) => {
    const what = span.keys === undefined ? 'history' : `${span.keys} ${span.keys === 1 ? 'key' : 'keys'}`
    return `${span.layer === 'shared' ? 'l2' : 'origin'};dur=${span.tookMs};desc="from ${span.startedAtMs - startedAtMs} ms, ${what}"`
  })
  return [total, ...waits].join(', ')
}
