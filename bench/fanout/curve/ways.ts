import { parseConfig } from '../../../origin/config.ts'
import type { FollowGraph } from './graph.ts'
import { authorsFrom, PULL, PUSH, type Routing } from './replay.ts'

/** A way to deliver, as tables name it. */
export interface Way {
  readonly name: string
  readonly routing: Routing
}

const LEVELS = [30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000]
/** What the origin does when nobody tells it anything. */
export const DEFAULT = 'default'
const { HOT_THRESHOLD: hotFrom, CROWD_THRESHOLD: pullFrom } = parseConfig({
  ...{
    DATABASE_URL: 'postgres://localhost',
    UPSTASH_REDIS_REST_URL: 'http://redis',
    UPSTASH_REDIS_REST_TOKEN: '-',
    EDGE_SECRET: '-'.repeat(16),
  },
})
const NEVER = Number.POSITIVE_INFINITY

/** The thresholds that say anything about a graph: some author is above them. With 0 for everybody. */
export const levelsOf = (graph: FollowGraph): number[] => [0, ...LEVELS.filter((level) => authorsFrom(graph, level) > 0)]

/** All ways that are measured on a graph: pure push, thresholds of both kinds from the highest, both together, pure pull. */
export function waysOf(graph: FollowGraph): Way[] {
  const levels = levelsOf(graph)
    .filter((level) => level > 0)
    .toReversed()
  const way = (name: string, routing: Routing): Way => ({ name, routing })
  const top = levels[0] ?? 0
  return [
    way('push', PUSH),
    way(DEFAULT, { hotFrom, pullFrom }),
    ...levels.map((level) => way(`pull from ${count(level)}`, { hotFrom: level, pullFrom: level })),
    way('pull', PULL),
    way('hot', { hotFrom: 0, pullFrom: NEVER }),
    ...levels.toReversed().map((level) => way(`hot from ${count(level)}`, { hotFrom: level, pullFrom: NEVER })),
    ...levels
      .slice(1)
      .filter((level) => level * 100 >= top)
      .map((level) => way(`hot from ${count(level)}, pull from ${count(top)}`, { hotFrom: level, pullFrom: top })),
  ]
}

export const count = (n: number): string => (Number.isFinite(n) ? n.toLocaleString('en-US') : 'never')
