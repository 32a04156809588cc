import type { ImportCounts } from '../origin/db/import.ts'
import { isStrayDriverError } from '../origin/db/stray-error.ts'
import { lineOf, parseCount, parseDatabaseUrl, parseFlags, runCommand, UsageError } from './command-line.ts'
import { type GraphFile, LOST, loadGraph, sizeOfGraph } from './load-graph.ts'
import { findDatabase } from './running-stack.ts'

const USAGE = `Loads a follow graph into the database: all of it or, where a line is malformed, nothing.

  npm run import -- --edges FILE [--database-url URL] [--crowd-floor N]

  --edges FILE         lines of "follower followee": SNAP's edge list (# comments; tabs or blanks) or CSV
                       (commas; quotes and a header allowed); gzip is recognised
  --database-url URL   default: the database of the running "npm start", else the variable DATABASE_URL
  --crowd-floor N      authors with N followers or more may join the crowd at once; default: that of the
                       running "npm start", else the variable CROWD_FLOOR, else 250000
  --help               this text
`

async function main(args: string[]): Promise<void> {
  const order = await parseOrder(args)
  if (!order) return void process.stdout.write(USAGE)
  const startedAtMs = performance.now()
  const counts = await loadGraph(order)
  process.stdout.write(summaryOf(order.file, counts, (performance.now() - startedAtMs) / 1000))
}

/** The parsed command line; undefined when help was asked for. */
async function parseOrder(args: string[]): Promise<GraphFile | undefined> {
  const text = { type: 'string' } as const
  const values = parseFlags(args, { edges: text, 'database-url': text, 'crowd-floor': text, help: { type: 'boolean' } })
  if (values.help) return undefined
  if (!values.edges) throw new UsageError('say which file to load: --edges FILE (--help shows more)')
  const file = values.edges
  const fileBytes = await sizeOfGraph(file)
  const given = values['database-url']
  const found = given === undefined ? await findDatabase() : { url: given, crowdFloor: undefined }
  const floor = values['crowd-floor'] ?? String(found.crowdFloor ?? process.env.CROWD_FLOOR ?? 250_000)
  const crowdFloor = parseCount('--crowd-floor', floor, 1, 2_147_483_647)
  return { file, fileBytes, databaseUrl: parseDatabaseUrl(found.url), crowdFloor }
}

function summaryOf(file: string, counts: ImportCounts, seconds: number): string {
  const number = (value: number) => value.toLocaleString('en-US')
  return `${file} is loaded, in ${seconds.toFixed(1)} s
  users    ${number(counts.usersNew)} new, ${number(counts.usersKnown)} known
  follows  ${number(counts.followsNew)} new, ${number(counts.followsKnown)} known
  dropped  ${number(counts.selfLoops)} self-loops, ${number(counts.repeats)} repeats
`
}

process.once('uncaughtException', (error) => {
  process.stderr.write(`${isStrayDriverError(error) ? LOST : lineOf(error)}\n`)
  process.exit(2)
})

await runCommand(main)
