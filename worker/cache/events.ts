import type { Key } from './entry.ts'
import type { Freshness } from './freshness.ts'

/** Where an answer came from, near to far. */
export type Layer = 'memory' | 'shared' | 'origin'

/** All that the cache core has to say. Tests assert on events; a sink turns them into headers, logs and metrics. */
export type CacheEvent =
  /** Memory answered all of these at once: fresh, verified, nobody's work shared. The oldest was verified at that moment (epoch milliseconds). */
  | { readonly type: 'hits'; readonly keys: readonly Pick<Key<unknown>, 'text'>[]; readonly oldestAtMs: number }
  /** Any other answer. */
  | {
      readonly type: 'answered'
      readonly key: string
      readonly layer: Layer
      readonly freshness: Freshness
      readonly collapsed: boolean
      readonly unverified: boolean
      /** When the read or load that brought the value began (epoch milliseconds). */
      readonly verifiedAtMs: number
    }
  /** The reader waited: for a read of the shared tier, or for a load, its own or another's. */
  | {
      readonly type: 'waited'
      readonly layer: 'shared' | 'origin'
      readonly keys: number
      readonly startedAtMs: number
      readonly tookMs: number
    }
  /** X-Fetch: a reader of a fresh value has it refreshed behind its answer. */
  | { readonly type: 'volunteered'; readonly key: string }
  | { readonly type: 'shared-read'; readonly keys: number; readonly tookMs: number }
  | { readonly type: 'shared-failed'; readonly call: 'read' | 'lease' | 'fill' | 'release'; readonly error: unknown }
  /** What a layer brought could not be decoded: a miss. */
  | { readonly type: 'undecodable'; readonly key: string; readonly error: unknown }
  /** Memory could not take a value; the reader is answered nevertheless. Where V8 refused an allocation, memory was emptied. */
  | { readonly type: 'memory-refused'; readonly key: string; readonly error: unknown }
  | { readonly type: 'leased'; readonly key: string; readonly state: 'granted' | 'refused' | 'fresher' }
  | { readonly type: 'loaded'; readonly keys: number; readonly tookMs: number; readonly alone: boolean }
  | { readonly type: 'load-failed'; readonly keys: number; readonly error: unknown }
  | { readonly type: 'fill-refused'; readonly key: string }
  | { readonly type: 'taken-over'; readonly key: string }

export type Observe = (event: CacheEvent) => void
