import { reportOf } from './analytics-report.ts'
import { explainDatabaseError, parseDatabaseUrl, parseFlags, runCommand, UsageError } from './command-line.ts'
import { findDatabase } from './running-stack.ts'

const USAGE = `Shows what the caches did: hit ratios by layer and class of key, loads, leases, latencies.

  npm run analytics [-- --last 10m] [--route PATTERN] [--by minute] [--json]

  --last TIME          how far back: a number and s, m, h or d (10m); the origin keeps a day, in steps of 10 s
  --route PATTERN      one route, for instance /v1/posts/:id
  --by minute          one line per minute as well
  --json               as JSON
  --database-url URL   default: the database of the running "npm start", else the variable DATABASE_URL
  --help               this text

What Workers Analytics Engine holds is asked with the SQL in docs/analytics.md.
`
const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const LONGEST_MS = 31 * UNIT_MS.d

async function main(args: string[]): Promise<void> {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const values = parseFlags(args, { last: text, route: text, by: text, json: flag, 'database-url': text, help: flag })
  if (values.help) return void process.stdout.write(USAGE)
  const last = values.last ?? '10m'
  const lastMs = parseTime(last)
  if (values.by !== undefined && values.by !== 'minute') throw new UsageError(`--by knows "minute", not "${values.by}"`)
  const url = parseDatabaseUrl(values['database-url'] ?? (await findDatabase()).url)
  const { connect } = await import('../origin/db/client.ts') // drizzle takes half a second, which a typing error need not wait for
  const { readAnalytics, readMinutes } = await import('../origin/db/analytics.ts')
  const { db, close } = connect(url.href, { maxConnections: 1, statementTimeoutMs: 60_000, applicationName: 'tideline-analytics' })
  try {
    const untilMs = Date.now()
    const analytics = await readAnalytics(db, untilMs - lastMs, untilMs, values.route)
    const minutes = values.by ? await readMinutes(db, untilMs - lastMs, untilMs, values.route) : undefined
    const json = () => `${JSON.stringify(minutes ? { ...analytics, minutes } : analytics, undefined, 2)}\n`
    process.stdout.write(values.json ? json() : reportOf(analytics, last, values.route, minutes))
  } catch (error) {
    throw explainDatabaseError(error, url)
  } finally {
    await close()
  }
}

function parseTime(text: string): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  const ms = Number(count) * UNIT_MS[unit as keyof typeof UNIT_MS]
  if (ms > 0 && ms <= LONGEST_MS) return ms
  throw new UsageError(`--last is a number and s, m, h or d, at most 31d, not "${text}"`)
}

await runCommand(main)
