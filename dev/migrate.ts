import { knownMigrations, MIGRATIONS, type Migration, pendingMigrations } from '../origin/migrations.ts'
import { explainDatabaseError, parseDatabaseUrl, parseFlags, runCommand } from './command-line.ts'
import { findDatabase } from './running-stack.ts'

const USAGE = `Brings a database up to date: applies what it lacks of migrations/, all or nothing. Twice, or two at once, do no harm.

  npm run migrate [-- --database-url URL] [--status]

  --database-url URL   default: the variable DATABASE_URL, else the database of the running "npm start"
  --status             changes nothing: lists what is applied and what is pending; exit code 1 when something is pending
  --help               this text
`

async function main(args: string[]): Promise<void> {
  const flag = { type: 'boolean' } as const
  const values = parseFlags(args, { 'database-url': { type: 'string' }, status: flag, help: flag })
  if (values.help) return void process.stdout.write(USAGE)
  const url = parseDatabaseUrl(values['database-url'] ?? process.env.DATABASE_URL ?? (await findDatabase()).url)
  try {
    await (values.status ? status(url) : apply(url))
  } catch (error) {
    throw explainDatabaseError(error, url)
  }
}

async function apply(url: URL): Promise<void> {
  const { migrate } = await import('../origin/db/migrations.ts')
  const startedAtMs = performance.now()
  const applied = await migrate(url.href, MIGRATIONS)
  const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(1)
  const names = namesOf(knownMigrations().filter(({ when }) => applied.includes(when)))
  const done = applied.length > 0 ? `${names} applied in ${seconds} s` : 'already up to date'
  process.stdout.write(`the database ${url.host}${url.pathname}: ${done}\n`)
}

async function status(url: URL): Promise<void> {
  const { connect } = await import('../origin/db/client.ts')
  const { appliedMigrations } = await import('../origin/db/migrations.ts')
  const { db, close } = connect(url.href, { maxConnections: 1, statementTimeoutMs: 10_000, applicationName: 'tideline-migrate' })
  try {
    const applied = await appliedMigrations(db)
    const known = knownMigrations()
    const pending = pendingMigrations(known, applied)
    process.stdout.write(`the database ${url.host}${url.pathname}\n`)
    for (const migration of known) process.stdout.write(`${pending.includes(migration) ? 'pending' : 'applied'}  ${migration.tag}\n`)
    const newer = applied.filter((when) => known.every((migration) => migration.when < when))
    if (newer.length > 0) process.stdout.write(`${newer.length} more of a newer version, which this one runs on\n`)
    if (pending.length > 0) process.exitCode = 1
  } finally {
    await close()
  }
}

const namesOf = (migrations: readonly Migration[]): string => migrations.map(({ tag }) => tag).join(', ')

await runCommand(main)
