import { explainDatabaseError, parseDatabaseUrl, parseFlags, runCommand, UsageError } from './command-line.ts'
import { MIGRATIONS } from './data.ts'
import { isRunning } from './lock.ts'
import { DEFAULT_STATE_DIR, readState } from './state.ts'

const USAGE = `Brings a database up to date: applies what it lacks of migrations/, all or nothing. Twice does no harm.

  npm run migrate [-- --database-url URL]

  --database-url URL   default: the database of the running "npm start", else the variable DATABASE_URL
  --help               this text
`

async function main(args: string[]): Promise<void> {
  const values = parseFlags(args, { 'database-url': { type: 'string' }, help: { type: 'boolean' } })
  if (values.help) return void process.stdout.write(USAGE)
  const url = parseDatabaseUrl(values['database-url'] ?? (await defaultDatabaseUrl()))
  const { migrate } = await import('../origin/db/client.ts')
  try {
    await migrate(url.href, MIGRATIONS)
  } catch (error) {
    throw explainDatabaseError(error, url)
  }
  process.stdout.write(`the database ${url.host}${url.pathname} is up to date\n`)
}

async function defaultDatabaseUrl(): Promise<string> {
  const state = await readState(DEFAULT_STATE_DIR)
  const url = state && (await isRunning(state.pid)) ? state.databaseUrl : process.env.DATABASE_URL
  if (!url) throw new UsageError('which database? Run npm start first, set DATABASE_URL or give --database-url')
  return url
}

await runCommand(main)
