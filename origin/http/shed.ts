import type { MiddlewareHandler } from 'hono'
import { Problem } from '../../contract/problem.ts'

/** Told once when requests begin to be refused, and once when half of the places are free again. */
export type ShedEvent = { readonly type: 'shedding-began' } | { readonly type: 'shedding-ended'; readonly refused: number }

/** Serves at most `max` requests at once and refuses the rest early, before they cost anything: the edge serves what it holds. */
export function shedAbove(max: number, observe: (event: ShedEvent) => void): MiddlewareHandler {
  let serving = 0
  let refused = 0
  return async (_c, next) => {
    if (serving >= max) {
      if (refused++ === 0) observe({ type: 'shedding-began' })
      throw new Problem('overloaded', 'The origin is serving as many requests as it can.')
    }
    serving++
    try {
      await next()
    } finally {
      serving--
      if (refused > 0 && serving <= max / 2) {
        observe({ type: 'shedding-ended', refused })
        refused = 0
      }
    }
  }
}
