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
    const { blobs, doubles } = pointOf(event, work.take())
    dataset.writeDataPoint({ indexes: [blobs[0]], blobs, doubles })
  }
