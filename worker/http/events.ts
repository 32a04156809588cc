import type { WorkMeasures } from '../../contract/analytics.ts'
import type { Tally } from './tally.ts'

/** What is told of each request, once: enough for hit ratios and latencies, nothing that names a user. */
export interface RequestEvent {
  /** When it was answered (epoch milliseconds). */
  readonly atMs: number
  /** The pattern of the route. */
  readonly route: string
  readonly method: string
  readonly status: number
  readonly totalMs: number
  readonly tally: Pick<Tally, 'answers' | 'classes' | 'collapsed' | 'stale' | 'history' | 'sharedMs' | 'originMs' | 'sharedReads' | 'loads'>
  readonly degraded: readonly string[]
  /** Cloudflare's data centre. */
  readonly colo: string | undefined
  /** What failed, where the answer is 5xx. */
  readonly error: string | undefined
}

/** Takes an event and never fails or delays a request: what takes time is handed to `background` (`ctx.waitUntil`). */
export type EventSink = (event: RequestEvent, background: (work: Promise<unknown>) => void) => void

/** What an isolate has done since it was last asked, behind answers too. */
export interface WorkCounter {
  take(): WorkMeasures
  /** Adds what nobody else can tell: lost points, or what was taken and could not be handed on. */
  add(work: Partial<WorkMeasures>): void
}
