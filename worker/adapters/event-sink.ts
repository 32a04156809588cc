import type { EventSink } from '../http/events.ts'

/** Events as lines of JSON in the worker's log. */
export const logSink: EventSink = ({ tally, ...event }) => {
  const { answers, collapsed, stale, sharedReads, sharedMs, loads, originMs } = tally
  console.log(JSON.stringify({ ...event, answers, collapsed, stale, sharedReads, sharedMs, loads, originMs }))
}

/** Tells several sinks. One that throws is reported and harms neither the others nor the request. */
export const allOf =
  (sinks: readonly EventSink[], failed: () => void): EventSink =>
  (event, background) => {
    for (const sink of sinks) {
      try {
        sink(event, background)
      } catch {
        failed()
      }
    }
  }
