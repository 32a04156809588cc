import type { ViewerState } from '../../contract/timeline.ts'
import type { Regard } from './visibility.ts'

/** A user who looks at a page. Made for one request, which it must not outlive. */
export interface Onlooker {
  readonly viewerId: string
  readonly state: Pick<ViewerState, 'muted' | 'blocked' | 'many'>
  readonly where: Regard['where']
  /** Why what was shown may be less than it should be. */
  readonly degraded: Set<string>
}

export const createOnlooker = (of: Omit<Onlooker, 'degraded'>): Onlooker => ({ ...of, degraded: new Set() })

const sets = new WeakMap<readonly string[], ReadonlySet<string>>()

/** The ids of a list as a set, made once for each list that memory holds. */
export function setOf(ids: readonly string[]): ReadonlySet<string> {
  const known = sets.get(ids)
  if (known) return known
  const made = new Set(ids)
  sets.set(ids, made)
  return made
}
