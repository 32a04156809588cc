import type { Tally } from './tally.ts'

/** What is told of each request, once: enough for hit ratios and latencies, nothing that names a user. */
export interface RequestEvent {
  readonly route: string
  readonly method: string
  readonly status: number
  readonly totalMs: number
  readonly tally: Pick<Tally, 'answers' | 'collapsed' | 'stale' | 'sharedMs' | 'originMs' | 'sharedReads' | 'loads'>
  readonly degraded: readonly string[]
  /** What failed, where the answer is 5xx. */
  readonly error?: string
}

/** Takes events and never fails or delays a request. */
export type EventSink = (event: RequestEvent) => void
