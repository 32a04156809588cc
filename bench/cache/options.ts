import { parseCount, parseFlags, UsageError } from '../../dev/command-line.ts'
import { SCENARIOS } from './scenarios.ts'

export const USAGE = `Measures the cache core beside bentocache, layered-loader, lru-cache.fetch and @unkey/cache, on the same work.

  npm run bench:cache -- [options]

  --runs N       runs, of which medians and spreads are told (7), in about a quarter of an hour
  --only NAME    one of ${SCENARIOS.map(({ name }) => name).join(', ')};
                 several with commas
  --ours         leave the peers out
  --help         this text

A whole run writes bench/results/cache.json, cache.md and docs/pictures/stampede-*.svg; a part only prints its tables. The peers are installed into bench/peers
where they are missing. Needs redis-server or valkey-server on the PATH, and a machine that does nothing else.
`

export interface BenchOptions {
  readonly runs: number
  /** All scenarios where undefined. */
  readonly only: readonly string[] | undefined
  readonly ours: boolean
}

/** The parsed command line; undefined when help was asked for. */
export function parseBenchOptions(args: string[]): BenchOptions | undefined {
  const text = { type: 'string' } as const
  const values = parseFlags(args, { runs: text, only: text, ours: { type: 'boolean' }, help: { type: 'boolean' } })
  if (values.help) return undefined
  const only = values.only?.split(',')
  const unknown = only?.find((wish) => !SCENARIOS.some(({ name }) => name === wish))
  if (unknown !== undefined) throw new UsageError(`there is no scenario "${unknown}" (--help lists them)`)
  return { runs: parseCount('--runs', values.runs ?? '7', 1, 100), only, ours: values.ours ?? false }
}
