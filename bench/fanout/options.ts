import { parseCount, parseFlags, UsageError } from '../../dev/command-line.ts'
import { SCENARIOS } from './scenarios.ts'

export const USAGE = `Measures the write path beside its peers: the fan-out's own code on a real Postgres and a real Redis, in turn with a bare INSERT, pg-boss and others.

  npm run bench:fanout -- [options]

  --only NAME    one of ${SCENARIOS.map(({ name }) => name).join(', ')};
                 several with commas
  --rounds N     rounds, of which medians and spreads are told (5)
  --quick        tables of a tenth of the size, and one round: to see that everything runs
  --json FILE    write the figures there as well
  --help         this text

Prints a table and a verdict for each bar; a whole run that is not quick also writes bench/results/fanout.json and fanout.md. Needs redis-server or
valkey-server on the PATH, 10 GB of disk, 8 GB of memory, and a machine that does nothing else. Peers are installed into bench/peers where they are missing.
`

export interface BenchOptions {
  /** All scenarios where undefined. */
  readonly only: readonly string[] | undefined
  readonly rounds: number
  readonly quick: boolean
  readonly json: string | undefined
}

/** The parsed command line; undefined when help was asked for. */
export function parseBenchOptions(args: string[]): BenchOptions | undefined {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const values = parseFlags(args, { only: text, rounds: text, quick: flag, json: text, help: flag })
  if (values.help) return undefined
  const only = values.only?.split(',')
  const unknown = only?.find((wish) => !SCENARIOS.some(({ name }) => name === wish))
  if (unknown !== undefined) throw new UsageError(`there is no scenario "${unknown}" (--help lists them)`)
  const quick = values.quick ?? false
  return { only, rounds: parseCount('--rounds', values.rounds ?? (quick ? '1' : '5'), 1, 100), quick, json: values.json }
}
