import type { EventSink } from '../http/events.ts'

/** Events as lines of JSON in the worker's log. */
export const logSink: EventSink = (event) => {
  console.log(JSON.stringify(event))
}
