import type { MiddlewareHandler } from 'hono'
import { Problem } from '../../contract/problem.ts'

/** Serves at most `max` requests at once and refuses the rest early, before they cost anything: the edge serves what it holds. */
export function shedAbove(max: number): MiddlewareHandler {
  let serving = 0
  return async (_c, next) => {
    if (serving >= max) throw new Problem('overloaded', 'The origin is serving as many requests as it can.')
    serving++
    try {
      await next()
    } finally {
      serving--
    }
  }
}
