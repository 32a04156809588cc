import { Problem } from '../../contract/problem.ts'

/** Runs what may fail for want of the origin, and says so in the API's words. */
export function demand<T>(work: () => T): T {
  try {
    const result = work()
    return result instanceof Promise ? (result.catch(refuse) as T) : result
  } catch (error) {
    return refuse(error)
  }
}

function refuse(error: unknown): never {
  if (error instanceof Problem) throw error
  if (error instanceof Error && error.name === 'Overloaded') {
    throw new Problem('overloaded', 'The origin is serving as many requests as it can.', { cause: error })
  }
  throw unavailable(error)
}

/** What is asked for could not be had, whether it exists or not. */
export const unavailable = (cause?: unknown): Problem =>
  new Problem('origin-unavailable', 'What is asked for is in no cache, and the origin did not answer in time.', { cause })
