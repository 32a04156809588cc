import { randomUUID } from 'node:crypto'
import { schema } from '../../origin/config.ts'
import { knownMigrations, pendingMigrations } from '../../origin/migrations.ts'
import { explainDatabaseError, lineOf } from '../command-line.ts'
import { type Check, type Finding, fail, ok, runChecks, type Verdict, warn } from './check.ts'
import type { Env } from './deployment.ts'
import { isLoopback } from './loopback.ts'
import { settingOf } from './variables.ts'

const OLDEST_VERSION = 160_000
/** Milliseconds between clocks at which the origin refuses to mint, and at which somebody should look. */
const MAX_SKEW_MS = 1_000
const WARN_SKEW_MS = 250
const CONNECTION = { maxConnections: 1, statementTimeoutMs: 5_000, applicationName: 'tideline-preflight' }

/** Postgres can be reached and is what the origin needs. */
export async function checkDatabase(env: Env, nowMs: () => number): Promise<Verdict[]> {
  const text = settingOf(schema.shape.DATABASE_URL, env.DATABASE_URL)
  if (text === undefined) return []
  const url = new URL(text)
  const { connect } = await import('../../origin/db/client.ts') // drizzle takes half a second
  const { describeServer, forbiddenTables, sessionsAreShared } = await import('../../origin/db/diagnosis.ts')
  const { appliedMigrations } = await import('../../origin/db/migrations.ts')
  const [first, second] = [connect(text, CONNECTION), connect(text, CONNECTION)]
  try {
    await first.db.execute('select 1') // the handshake is no part of the round trip
    const askedAtMs = nowMs()
    const server = await describeServer(first.db)
    const answeredAtMs = nowMs()
    const wanted = (settingOf(schema.shape.DATABASE_CONNECTIONS, env.DATABASE_CONNECTIONS) ?? 16) + 1 // one listens

    const checks: Check[] = [
      { name: 'postgres reachable', run: () => ok(`${server.versionText}, one question takes ${Math.round(answeredAtMs - askedAtMs)} ms`) },
      {
        name: 'postgres version',
        run: () => (server.version >= OLDEST_VERSION ? ok('16 or newer') : fail(server.versionText, 'PostgreSQL 16 or newer is needed')),
      },
      {
        name: 'postgres encrypted',
        run: () =>
          server.encrypted || isLoopback(url.hostname)
            ? ok(server.encrypted ? 'TLS' : 'on this machine')
            : warn(
                'no TLS: posts and password travel in the clear',
                'add ?sslmode=require to DATABASE_URL, or be sure the network is private',
              ),
      },
      {
        name: 'postgres migrated',
        async run() {
          const pending = pendingMigrations(knownMigrations(), await appliedMigrations(first.db))
          return pending.length === 0 ? ok('up to date') : fail(`lacks ${pending.map(({ tag }) => tag).join(', ')}`, 'npm run migrate')
        },
      },
      {
        name: 'postgres writable',
        async run() {
          if (server.readOnly) return fail('read only: a replica, or a role that may only read', 'DATABASE_URL must name the primary')
          const forbidden = await forbiddenTables(first.db)
          if (forbidden.length === 0) return ok('this role may write all tables')
          return fail(`this role may not write ${forbidden.join(', ')}`, 'grant select, insert, update, delete, or let it own them')
        },
      },
      {
        name: 'postgres sessions',
        async run() {
          if (!(await sessionsAreShared(first.db, second.db, randomUUID()))) return ok('of our own')
          return fail('a pooler in transaction mode: LISTEN and advisory locks need sessions', 'DATABASE_URL must go around the pooler')
        },
      },
      { name: 'postgres connections', run: () => connections(server.connections, server.connected - 1, wanted) },
      {
        name: 'postgres durability',
        run() {
          if (server.synchronousCommit === 'off') return fail('a crash loses posts that were acknowledged', 'set synchronous_commit = on')
          return ok(`synchronous_commit ${server.synchronousCommit}`)
        },
      },
      {
        name: 'postgres isolation',
        run: () =>
          server.isolation === 'read committed'
            ? ok(server.isolation)
            : fail(`default_transaction_isolation is ${server.isolation}`, 'set it to read committed: fan-out is written for it'),
      },
      { name: 'postgres timeouts', run: () => timeouts(server.statementTimeout, server.idleSessionTimeoutMs) },
      { name: 'postgres clock', run: () => skew(server.nowMs, askedAtMs, answeredAtMs) },
    ]
    return await runChecks(checks)
  } catch (error) {
    const explained = lineOf(explainDatabaseError(error, url))
    const pooled = /unsupported startup parameter/.test(explained)
    return runChecks([
      {
        name: 'postgres reachable',
        run: () => fail(explained, pooled ? 'DATABASE_URL must go around the pooler' : 'nothing else of Postgres was checked'),
      },
    ])
  } finally {
    await Promise.all([first.close(), second.close()])
  }
}

function connections(allowed: number, open: number, wanted: number): Finding {
  const says = `an origin takes ${wanted} of ${allowed}, ${open} are open`
  if (wanted > allowed) return fail(says, 'lower DATABASE_CONNECTIONS or raise max_connections')
  if (2 * wanted > allowed) return warn(says, 'while one origin replaces another both need theirs: lower DATABASE_CONNECTIONS')
  return open + wanted > allowed ? warn(says, 'there is no room for one more origin now') : ok(says)
}

function timeouts(statementTimeout: string | undefined, idleSessionTimeoutMs: number): Finding {
  if (idleSessionTimeoutMs > 0) {
    return warn('idle_session_timeout ends the connection that listens', "alter role … set idle_session_timeout = '0'")
  }
  if (statementTimeout !== undefined && statementTimeout !== '0') {
    return warn(
      `this role has statement_timeout ${statementTimeout}`,
      'the origin sets its own, but a migration or an import may be cut off',
    )
  }
  return ok('none in our way')
}

/** The moment of the answer lies between question and answer; only what is beyond is certain. */
function skew(serverMs: number, askedAtMs: number, answeredAtMs: number): Finding {
  const skewMs = Math.round(Math.max(0, askedAtMs - serverMs, serverMs - answeredAtMs))
  if (skewMs > MAX_SKEW_MS) return fail(`${skewMs} ms from this machine's`, 'let both follow NTP: beyond 1 s the origin mints no ids')
  return skewMs > WARN_SKEW_MS
    ? warn(`${skewMs} ms from this machine's`, 'let both follow NTP')
    : ok(`within ${WARN_SKEW_MS} ms of this machine's`)
}
