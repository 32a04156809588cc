import type { CoreSettings, Lifetimes } from '../../../worker/standalone.ts'

/** What a test wants of a cache: the worker makes one for each setup it is told, and keeps it. */
export interface Setup {
  /** Tells apart caches that are otherwise alike. */
  readonly name: string
  /** Without it isolates share nothing. */
  readonly shared: boolean
  /** What a call to L2 may take (milliseconds). */
  readonly sharedDeadlineMs?: number
  /** Its loader knows no other question than for one key. */
  readonly oneByOne?: boolean
  readonly lifetimes?: Partial<Lifetimes>
  readonly settings?: Partial<Omit<CoreSettings, 'switchedOff'>>
  readonly switchedOff?: readonly (CoreSettings['switchedOff'] extends ReadonlySet<infer Protection> ? Protection : never)[]
  /** Allocations that are refused, as near an isolate's limit: which calls, counted from 1, and memory's slots for these keys, once. */
  readonly refuses?: {
    readonly encode?: readonly number[]
    readonly decode?: readonly number[]
    readonly sizeOf?: readonly number[]
    readonly slots?: readonly string[]
  }
  /** Its events are not kept. */
  readonly quiet?: boolean
}

/** What the worker answers. */
export interface Told {
  readonly value?: unknown
  readonly error?: string
  /** When the request came, by the worker's clock (epoch milliseconds). */
  readonly startedAtMs: number
  /** How many a `get` had come for by then. */
  readonly came: number
  /** What the cache did since then, for this reader or for others. */
  readonly events: readonly ToldEvent[]
}

/** A `CacheEvent` as JSON. */
export type ToldEvent = { readonly type: string } & Readonly<Record<string, unknown>>
