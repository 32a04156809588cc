import type { FanoutStatus } from '../origin/db/fanout-status.ts'
import type { EdgeShares } from '../origin/db/savings.ts'
import { explainDatabaseError, parseDatabaseUrl, parseFlags, runCommand } from './command-line.ts'
import { findDatabase } from './running-stack.ts'
import { table } from './table.ts'

const USAGE = `Says how fan-out stands: lag and latency of each lane, what is owed, which thresholds are in force and why, and how many writes are saved.

  npm run fanout-status [-- --exact] [--json]

  --exact              counts every follow edge, seconds per ten million, instead of estimating from a sample
  --database-url URL   default: the variable DATABASE_URL, else the database of the running "npm start"
  --json               the result as JSON
  --help               this text
`

async function main(args: string[]): Promise<void> {
  const flag = { type: 'boolean' } as const
  const values = parseFlags(args, { exact: flag, 'database-url': { type: 'string' }, json: flag, help: flag })
  if (values.help) return void process.stdout.write(USAGE)
  const url = parseDatabaseUrl(values['database-url'] ?? process.env.DATABASE_URL ?? (await findDatabase()).url)
  const { connect } = await import('../origin/db/client.ts')
  const { readFanoutStatus } = await import('../origin/db/fanout-status.ts')
  const statementTimeoutMs = values.exact ? 600_000 : 10_000
  const { db, close } = connect(url.href, { maxConnections: 1, statementTimeoutMs, applicationName: 'tideline-fanout-status' })
  try {
    const status = await readFanoutStatus(db, { exact: values.exact ?? false })
    process.stdout.write(values.json ? `${JSON.stringify(status, null, 2)}\n` : `${textOf(status).join('\n\n')}\n`)
  } catch (error) {
    throw explainDatabaseError(error, url)
  } finally {
    await close()
  }
}

const number = (count: number): string => count.toLocaleString('en')

/** A time as people say it. */
function time(ms: number | null): string {
  if (ms === null) return '-'
  if (ms < 1_000) return `${ms.toFixed(1)} ms`
  return ms < 120_000 ? `${(ms / 1_000).toFixed(1)} s` : `${Math.round(ms / 60_000)} min`
}

function textOf({ lanes, debts, inForce, authors, edges }: FanoutStatus): string[] {
  const laneRows = lanes.map(({ lane, queued, oldestMs, postponed, delivered, p50Ms, p99Ms }) => [
    ...[lane, number(queued), time(oldestMs), number(postponed), number(delivered), time(p50Ms), time(p99Ms)],
  ])
  const { pulled, announced, demoted, hot, candidates } = authors
  return [
    table([['lane', 'jobs', 'oldest', 'put off', 'delivered in a minute', 'p50', 'p99'], ...laneRows]),
    table([['owed', 'count', 'oldest'], ...debts.map(({ owed, count, oldestMs }) => [owed, number(count), time(oldestMs)])]),
    table([
      ['authors', 'count'],
      ['pulled', number(pulled)],
      ['announced, still pushed', number(announced)],
      ['demoted, still read', number(demoted)],
      ['hot', number(hot)],
      ['candidates, pushed', number(candidates)],
    ]),
    inForce
      ? `Authors of ${number(inForce.crowdThreshold)} followers are pulled: ${inForce.why}. npm run tune shows all thresholds.`
      : 'No process that fans out has run yet, so no thresholds are in force.',
    edges
      ? edgesText(edges)
      : 'Nothing is known of follow edges: there are none, or Postgres has not analysed the tables (--exact counts).',
  ]
}

function edgesText({ edges, dormant, pulled, absent, present, pushed, absentOfActive, exact }: EdgeShares): string {
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`
  const rows = [
    ['saved: the follower is dormant', percent(dormant)],
    ['saved: the followee is pulled', percent(pulled)],
    ['saved: the followee is hot, the follower has no timeline in L2', percent(absent)],
    ['pushed to L2 alone: the followee is hot', percent(present)],
    ['pushed, with a row', percent(pushed)],
  ]
  return `${table([[`of ${exact ? '' : 'about '}${number(edges)} follow edges`, 'share'], ...rows])}

Of the edges of followers who are not dormant, ${percent(absentOfActive)} have no timeline in L2.${exact ? '' : ' All shares are estimates; --exact counts.'}`
}

await runCommand(main)
