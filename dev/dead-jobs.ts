import type { Database } from '../origin/db/client.ts'
import { explainDatabaseError, parseCount, parseDatabaseUrl, parseFlags, runCommand, UsageError } from './command-line.ts'
import { findDatabase } from './running-stack.ts'
import { table } from './table.ts'

const USAGE = `Jobs of fan-out that failed too often (docs/runbook.md, A job died). They stay until they are replayed or dropped.

  npm run dead-jobs [-- --limit N] [--json]
  npm run dead-jobs -- --replay ID|all
  npm run dead-jobs -- --drop ID|all

  --list               shows them, newest first; so does no flag at all
  --limit N            no more of them than this, 1 to 10000 (50)
  --replay ID|all      queues the job of this activity again, or all: from where it stopped, with all its attempts
  --drop ID|all        forgets it: followers who lack the post see it only after a rebuild of their timeline
  --database-url URL   default: the variable DATABASE_URL, else the database of the running "npm start"
  --json               the result as JSON
  --help               this text

Exit code 0; 1 when no such job is dead.
`
const MOST = 10_000

async function main(args: string[]): Promise<void> {
  const word = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const values = parseFlags(args, {
    ...{ list: flag, limit: word, replay: word, drop: word, 'database-url': word, json: flag, help: flag },
  })
  if (values.help) return void process.stdout.write(USAGE)
  const asked = [values.list, values.replay, values.drop].filter((one) => one !== undefined)
  if (asked.length > 1) throw new UsageError('one of --list, --replay and --drop at a time')
  const limit = parseCount('--limit', values.limit ?? '50', 1, MOST)
  const which = parseWhich(values.replay ?? values.drop)
  const url = parseDatabaseUrl(values['database-url'] ?? process.env.DATABASE_URL ?? (await findDatabase()).url)
  const { connect } = await import('../origin/db/client.ts') // drizzle takes half a second, which a typing error need not wait for
  const { db, close } = connect(url.href, { maxConnections: 1, statementTimeoutMs: 60_000, applicationName: 'tideline-dead-jobs' })
  try {
    if (which === undefined) return await list(db, limit, values.json ?? false)
    const { replayDeadJobs, dropDeadJobs } = await import('../origin/db/dead-jobs.ts')
    const count = await (values.replay === undefined ? dropDeadJobs : replayDeadJobs)(db, which)
    const done = values.replay === undefined ? 'dropped' : 'replayed'
    process.stdout.write(values.json ? `${JSON.stringify({ [done]: count })}\n` : `${done} ${count}\n`)
    if (count === 0 && which !== 'all') {
      process.stderr.write(`no job of activity ${which} is dead\n`)
      process.exitCode = 1
    }
  } catch (error) {
    throw explainDatabaseError(error, url)
  } finally {
    await close()
  }
}

function parseWhich(text: string | undefined): bigint | 'all' | undefined {
  if (text === undefined || text === 'all') return text
  if (!/^\d{1,19}$/.test(text)) throw new UsageError(`an activity is named by its id, up to 19 digits, or by "all", not "${text}"`)
  return BigInt(text)
}

async function list(db: Database, limit: number, json: boolean): Promise<void> {
  const { listDeadJobs } = await import('../origin/db/dead-jobs.ts')
  const { count, jobs } = await listDeadJobs(db, limit)
  if (json) return void process.stdout.write(`${JSON.stringify({ count, jobs }, null, 2)}\n`)
  if (count === 0) return void process.stdout.write('no job is dead\n')
  const rows = jobs.map((job) => [job.activityId, job.authorId, job.diedAt, String(job.attempts), job.error.split('\n')[0] ?? ''])
  process.stdout.write(`${table([['activity', 'author', 'died', 'attempts', 'error'], ...rows], 'author', 'died', 'error')}\n`)
  if (count > jobs.length) process.stdout.write(`and ${count - jobs.length} more\n`)
}

await runCommand(main)
