import { type SQL, sql } from 'drizzle-orm'
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import * as schema from './schema.ts'

export type Database = PostgresJsDatabase<typeof schema>
/** A database or a transaction on it: what every question takes. */
export type Queryable = Pick<Database, 'execute' | 'select' | 'insert' | 'update' | 'delete'>

export interface Connection {
  readonly db: Database
  /** Calls back on each NOTIFY of `channel`, and once more whenever the connection had to be made anew. */
  listen(channel: string, onNotify: () => void): Promise<void>
  /** Notifies whoever listens, in a transaction of its own. */
  notify(channel: string): Promise<void>
  /** Waits for what runs, then closes. */
  close(): Promise<void>
}

/** Opens a pool. `statementTimeoutMs` bounds each statement at the server. */
export function connect(url: string, options: { maxConnections: number; statementTimeoutMs: number; applicationName: string }): Connection {
  const client = postgres(url, {
    max: options.maxConnections,
    connect_timeout: 5,
    idle_timeout: 0,
    onnotice: () => {},
    types: { bigint: postgres.BigInt },
    connection: {
      application_name: options.applicationName,
      statement_timeout: options.statementTimeoutMs,
      jit: false, // to compile a statement takes longer than any of ours
    },
  })
  return {
    db: withRetries(drizzle(client, { schema })),
    listen: async (channel, onNotify) => {
      await client.listen(channel, onNotify, onNotify)
    },
    notify: async (channel) => {
      await client.notify(channel, '')
    },
    close: () => client.end({ timeout: 5 }),
  }
}

/** How often a transaction begins that others keep deadlocking with. */
const MAX_ATTEMPTS = 3

/**
 * Begins a transaction again that Postgres ended to undo a deadlock (SQLSTATE 40P01): it has done nothing. Everybody locks viewer, author, user, so that is rare; two
 * authors may still meet in another order. What runs in a transaction must not mind running twice.
 */
function withRetries(db: Database): Database {
  const begin = db.transaction.bind(db)
  db.transaction = async (work, config) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await begin(work, config)
      } catch (error) {
        if (attempt === MAX_ATTEMPTS || codeOf(error) !== '40P01') throw error
      }
    }
  }
  return db
}

/** Ends each statement of this transaction that runs for longer; none is compiled (JIT), which may take longer than what is asked under a deadline. */
export async function limitStatements(tx: Queryable, ms: number): Promise<void> {
  await tx.execute(sql`select set_config('statement_timeout', ${String(ms)}, true), set_config('jit', 'off', true)`)
}

/**
 * In the list of what a statement selects: it commits without waiting for the disk. Only for what a process may do twice: a crash of Postgres takes back the last
 * third of a second of it, and with it everything that was written after it (docs/decisions/0015-the-queue.md).
 */
export const LAZILY = sql`set_config('synchronous_commit', 'off', true)`

/** A list of ids as one parameter: `= any(${idArray(ids)})`. */
export const idArray = (ids: readonly (bigint | string)[]): SQL => sql`${`{${ids.join(',')}}`}::bigint[]`

/** The same for words without a comma, a quote or a brace. */
export const textArray = (words: readonly string[]): SQL => sql`${`{${words.join(',')}}`}::text[]`

/** True for a unique violation (SQLSTATE 23505), wherever drizzle wrapped it. */
export const isUniqueViolation = (error: unknown): boolean => /^23505$/.test(codeOf(error))

/** True where the connection ended under way: whether what was sent is committed is unknown. */
export const isLostConnection = (error: unknown): boolean => /^CONNECTION_/.test(codeOf(error))

/** True where the server or the way to it is ill, and not what was asked of it: gone, shutting down, out of memory or disk, or two that waited for each other. */
export const blamesServer = (error: unknown): boolean => /^(08|40|53|57P|58)|^(CONNECT|E[A-Z]+$)/.test(codeOf(error))

/** What the driver said: drizzle wraps it in the statement. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? messageOf(error.cause) : error.message
}

/** The code of Postgres or of the driver; '' where there is none. */
function codeOf(error: unknown): string {
  for (let cause = error; cause instanceof Error; cause = cause.cause) if ('code' in cause) return String(cause.code)
  return ''
}
