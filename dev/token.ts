import { resolve } from 'node:path'
import { isId } from '../contract/ids.ts'
import { explainDatabaseError, parseCount, parseDatabaseUrl, parseFlags, runCommand, UsageError } from './command-line.ts'
import { isRunning } from './lock.ts'
import { issueToken } from './ready.ts'
import { DEFAULT_STATE_DIR, readState } from './state.ts'

const USAGE = `Prints a bearer token (JWT, HS256) for the stack that "npm start" runs, else for JWT_SECRET.

  npm run --silent token -- --user ID|HANDLE [--hours N]
  npm run --silent token -- --service [--hours N]

  --user ID|HANDLE   whom the token is for; a handle is looked up in the database
  --service          a service token: it may create and change users (PUT /v1/users/{id})
  --hours N          how long it is good (24)
  --state-dir DIR    where "npm start" keeps its state (.tideline)
  --help             this text

While no stack runs, the variables JWT_SECRET and DATABASE_URL come first.
`

/** What a token is signed with, and where users are looked up. */
interface Source {
  readonly jwtSecret: string
  readonly databaseUrl: URL | undefined
}

async function main(args: string[]): Promise<void> {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const values = parseFlags(args, { user: text, service: flag, hours: text, 'state-dir': text, help: flag })
  if (values.help) return void process.stdout.write(USAGE)
  if ((values.user === undefined) === !values.service)
    throw new UsageError('say for whom: either --user ID|HANDLE or --service (--help shows more)')
  const hours = parseCount('--hours', values.hours ?? '24', 1, 24 * 3_650)
  const source = await findSource(values['state-dir'] ? resolve(values['state-dir']) : DEFAULT_STATE_DIR)
  const claims = values.user === undefined ? ({ role: 'service' } as const) : { sub: await findUser(values.user, source) }
  process.stdout.write(`${await issueToken(source.jwtSecret, claims, hours)}\n`)
}

async function findSource(stateDir: string): Promise<Source> {
  const { JWT_SECRET, DATABASE_URL } = process.env
  const state = await readState(stateDir)
  if (state && (!JWT_SECRET || (await isRunning(state.pid)))) {
    return { jwtSecret: state.jwtSecret, databaseUrl: parseDatabaseUrl(state.databaseUrl) }
  }
  if (!JWT_SECRET) throw new UsageError('which secret? Run npm start first, or set JWT_SECRET')
  return { jwtSecret: JWT_SECRET, databaseUrl: DATABASE_URL ? parseDatabaseUrl(DATABASE_URL) : undefined }
}

/** The id of the user with that id or handle. An id is taken as it is where there is no database to ask. */
async function findUser(user: string, { databaseUrl }: Source): Promise<string> {
  if (!databaseUrl) {
    if (isId(user)) return user
    throw new UsageError(`"${user}" is no id, and to look up a handle takes a database: set DATABASE_URL`)
  }
  const { connect } = await import('../origin/db/client.ts') // drizzle takes half a second
  const { findUsers, findUserByHandle } = await import('../origin/db/users.ts')
  const { db, close } = connect(databaseUrl.href, { maxConnections: 1, statementTimeoutMs: 10_000, applicationName: 'tideline-token' })
  try {
    const [found] = isId(user) ? await findUsers(db, [user]) : await findUserByHandle(db, user)
    if (!found) throw new UsageError(`there is no user "${user}"`)
    return String(found.id)
  } catch (error) {
    throw explainDatabaseError(error, databaseUrl)
  } finally {
    await close()
  }
}

await runCommand(main)
