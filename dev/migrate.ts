import { explainDatabaseError, parseDatabaseUrl, parseFlags, runCommand } from './command-line.ts'
import { MIGRATIONS } from './data.ts'
import { findDatabase } from './running-stack.ts'

const USAGE = `Brings a database up to date: applies what it lacks of migrations/, all or nothing. Twice does no harm.

  npm run migrate [-- --database-url URL]

  --database-url URL   default: the database of the running "npm start", else the variable DATABASE_URL
  --help               this text
`

async function main(args: string[]): Promise<void> {
  const values = parseFlags(args, { 'database-url': { type: 'string' }, help: { type: 'boolean' } })
  if (values.help) return void process.stdout.write(USAGE)
  const url = parseDatabaseUrl(values['database-url'] ?? (await findDatabase()).url)
  const { migrate } = await import('../origin/db/client.ts')
  try {
    await migrate(url.href, MIGRATIONS)
  } catch (error) {
    throw explainDatabaseError(error, url)
  }
  process.stdout.write(`the database ${url.host}${url.pathname} is up to date\n`)
}

await runCommand(main)
