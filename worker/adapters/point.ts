import { type DataPoint, doubleOf, encodePoint, WORK_MEASURES, type WorkMeasures } from '../../contract/analytics.ts'
import type { RequestEvent } from '../http/events.ts'

const NO_WORK = Object.fromEntries(WORK_MEASURES.map((name) => [name, 0])) as unknown as WorkMeasures

/** A request as a data point. */
export function pointOf({ tally, ...event }: RequestEvent, work: WorkMeasures = NO_WORK): DataPoint {
  const { answers, classes, collapsed, stale, history, sharedMs, originMs } = tally
  const asked = answers.origin + history > 0 ? 'origin' : answers.shared > 0 ? 'shared' : answers.memory > 0 ? 'memory' : 'none'
  return encodePoint({
    ...event,
    colo: event.colo,
    layer: asked,
    answers: classes,
    measures: { totalMs: event.totalMs, sharedMs, originMs, collapsed, stale, history, ...work },
  })
}

/** The same point with the work of its isolate. */
export function withWork(point: DataPoint, work: WorkMeasures): DataPoint {
  const firstOfWork = doubleOf(WORK_MEASURES[0])
  return { ...point, doubles: [...point.doubles.slice(0, firstOfWork), ...WORK_MEASURES.map((name) => work[name])] }
}
