import type { EventSink, WorkCounter } from '../http/events.ts'
import { pointOf } from './point.ts'

/** The binding of Workers Analytics Engine. `writeDataPoint` returns at once; the runtime writes behind the answer. */
export interface AnalyticsDataset {
  writeDataPoint(point: { readonly indexes: [string]; readonly blobs: string[]; readonly doubles: number[] }): void
}

/** Points to Workers Analytics Engine, one per request; it samples by route. */
export const createEngineSink =
  (dataset: AnalyticsDataset, work: WorkCounter): EventSink =>
  (event) => {
    const done = work.take()
    const { blobs, doubles } = pointOf(event, done)
    try {
      dataset.writeDataPoint({ indexes: [blobs[0]], blobs, doubles })
    } catch (error) {
      work.add(done)
      throw error
    }
  }
