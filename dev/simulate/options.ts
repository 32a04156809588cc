import { resolve } from 'node:path'
import { parseCount, parseFlags, UsageError } from '../command-line.ts'
import { DEFAULT_STATE_DIR } from '../state.ts'

export const USAGE = `Readers and authors of a follow graph act over HTTP against the running "npm start", and are measured.

  npm run simulate -- [options]

  --edges FILE       a follow graph (SNAP edge list or CSV, gzip or not) that the stack shall hold; users who are new
                     are given a past of posts; default: what the stack has
  --minutes N        how long it takes (2); fractions are allowed
  --speed X          simulated minutes in each of them (30): rates and pauses scale, the lives of caches do not
  --readers N        people who read at all, the active set (1000)
  --seed N           the same seed gives the same plan of actions on the same graph (random, and printed)
  --check N          feeds compared with a brute-force SQL query at the end (100)
  --out DIR          where summary.json and picture.svg go (.tideline/simulation)
  --worker-url URL   default: the worker of the running "npm start"
  --state-dir DIR    where "npm start" keeps its state (.tideline)
  --help             this text

Rates are cut where more than 60 requests a second would be expected in the evening. Ctrl-C ends the run early with its summary, once more at once.
Analytics counts every request, so nobody else should use the stack meanwhile.
Exit code 1 when a request failed, a feed differs or clients and analytics disagree; 2 when no stack runs.
`

export interface SimulateOptions {
  readonly edges: string | undefined
  readonly minutes: number
  readonly speed: number
  readonly readers: number
  readonly seed: number
  readonly checked: number
  readonly out: string
  readonly workerUrl: string | undefined
  readonly stateDir: string
}

/** The parsed command line of `npm run simulate`; undefined when help was asked for. */
export function parseSimulateOptions(args: string[], randomSeed: () => number): SimulateOptions | undefined {
  const text = { type: 'string' } as const
  const names = { edges: text, minutes: text, speed: text, readers: text, seed: text, check: text, out: text } as const
  const values = parseFlags(args, { ...names, 'worker-url': text, 'state-dir': text, help: { type: 'boolean' } })
  if (values.help) return undefined
  const stateDir = values['state-dir'] ? resolve(values['state-dir']) : DEFAULT_STATE_DIR
  const workerUrl = values['worker-url']
  if (workerUrl !== undefined && !/^https?:$/.test(URL.parse(workerUrl)?.protocol ?? ''))
    throw new UsageError(`--worker-url looks like http://127.0.0.1:8787, not "${workerUrl}"`)
  return {
    edges: values.edges,
    minutes: parseNumber('--minutes', values.minutes ?? '2', 0.05, 24 * 60),
    speed: parseNumber('--speed', values.speed ?? '30', 0.1, 1_440),
    readers: parseCount('--readers', values.readers ?? '1000', 1, 1_000_000),
    seed: values.seed === undefined ? randomSeed() : parseCount('--seed', values.seed, 0, 2 ** 32 - 1),
    checked: parseCount('--check', values.check ?? '100', 0, 100_000),
    out: resolve(values.out ?? `${stateDir}/simulation`),
    workerUrl: workerUrl?.replace(/\/+$/, ''),
    stateDir,
  }
}

function parseNumber(name: string, text: string, least: number, most: number): number {
  const value = /^\d{1,9}(?:\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new UsageError(`${name} is a number from ${least} to ${most}, not "${text}"`)
}
