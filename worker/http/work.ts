import { WORK_MEASURES, type WorkMeasures } from '../../contract/analytics.ts'
import type { CacheEvent, Observe } from '../cache/events.ts'
import type { WorkCounter } from './events.ts'

/** Counts the work of all requests of an isolate. */
export function createWork(): WorkCounter & { readonly observe: Observe } {
  const none = (): Record<keyof WorkMeasures, number> =>
    Object.fromEntries(WORK_MEASURES.map((name) => [name, 0])) as Record<keyof WorkMeasures, number>
  let done = none()
  return {
    observe(event) {
      if (event.type === 'hits') return // nearly all there is to hear
      const measure = measureOf(event)
      if (measure) done[measure]++
    },
    add(work) {
      for (const name of WORK_MEASURES) done[name] += work[name] ?? 0
    },
    take() {
      const taken = done
      done = none()
      return taken
    },
  }
}

function measureOf(event: CacheEvent): keyof WorkMeasures | undefined {
  switch (event.type) {
    case 'shared-read':
      return 'sharedReads'
    case 'loaded':
      return 'loads'
    case 'load-failed':
      return 'loadFailures'
    case 'volunteered':
      return 'early'
    case 'fill-refused':
      return 'fillsRefused'
    case 'leased':
      return event.state === 'granted' ? 'leasesGranted' : event.state === 'refused' ? 'leasesRefused' : undefined
    default:
      return undefined
  }
}
