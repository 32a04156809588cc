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

interface Options {
  readonly maxConnections: number
  /** Bounds each statement at the server. */
  readonly statementTimeoutMs: number
  readonly applicationName: string
  /** Do statements keep their plan (`prepared`)? Not where a pooler gives each transaction another session. They do unless told. */
  readonly prepare?: boolean
}

/** Opens a pool. */
export function connect(url: string, options: Options): Connection {
  const client = postgres(url, {
    max: options.maxConnections,
    prepare: options.prepare ?? true,
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
    db: withRetries(drizzle(preparing(client), { schema })),
    listen: async (channel, onNotify) => {
      await client.listen(channel, onNotify, onNotify)
    },
    notify: async (channel) => {
      await client.notify(channel, '')
    },
    close: () => client.end({ timeout: 5 }),
  }
}

/** In front of a statement that is to keep its plan. */
const PREPARED = '/* prepared */ '
/** A pool's statements with a plan of their own. Each is kept by each connection, so texts without end would fill its memory. */
const MAX_PREPARED = 200

/**
 * The same database or transaction, whose statements Postgres parses and plans once per connection: planning is most of what a short statement costs, and an
 * unnamed one takes a second round trip. Only for statements of few different texts, lists of ids as one parameter (`idArray`), and whose best plan does
 * not depend on the values: after five runs Postgres may keep one for all.
 */
export const prepared = (db: Queryable): Queryable =>
  Object.create(db, { execute: { value: (query: SQL) => db.execute(sql`${sql.raw(PREPARED)}${query}`) } })

/** Drizzle names no statement that it executes: this tells the driver to, where the text begins with the mark. */
function preparing(client: postgres.Sql): postgres.Sql {
  const texts = new Set<string>()
  const named = (text: string): boolean =>
    text.startsWith(PREPARED) && (texts.has(text) || (texts.size < MAX_PREPARED && texts.add(text).has(text)))
  const wrapped = <Client extends object>(inner: Client): Client =>
    new Proxy(inner, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        switch (name) {
          case 'unsafe':
            return (text: string, parameters?: unknown[], options?: object) => value(text, parameters, { ...options, prepare: named(text) })
          case 'begin':
          case 'savepoint':
            return (...given: unknown[]) =>
              value(...given.map((one) => (typeof one === 'function' ? (own: object) => one(wrapped(own)) : one)))
          default:
            return value
        }
      },
    })
  return wrapped(client)
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

/** A moment as epoch milliseconds, or an interval in milliseconds. */
export const milliseconds = (time: SQL): SQL => sql`(extract(epoch from ${time}) * 1000)::float8`

/** A list of ids as one parameter: `= any(${idArray(ids)})`. */
export const idArray = (ids: readonly (bigint | string)[]): SQL => sql`${`{${ids.join(',')}}`}::bigint[]`

/** The same for words without a comma, a quote or a brace. */
export const textArray = (words: readonly string[]): SQL => sql`${`{${words.join(',')}}`}::text[]`

/** True for a unique violation (SQLSTATE 23505), wherever drizzle wrapped it. */
export const isUniqueViolation = (error: unknown): boolean => /^23505$/.test(codeOf(error))

/** True where the connection ended under way: whether what was sent is committed is unknown. */
export const isLostConnection = (error: unknown): boolean => /^CONNECTION_/.test(codeOf(error))

/**
 * Who is to blame for a failure? `work`: the data of what was asked (SQLSTATE classes 22, 23 and 54), or our own code; it fails again. `unclear`: it ran into the statement
 * timeout, or into something broken (class XX), and may do so again, or the server is ill. `server`: all else; nothing would have worked, because the server is gone, full
 * or read-only, or its tables are those of another version.
 */
export function blameFor(error: unknown): 'work' | 'unclear' | 'server' {
  const code = codeOf(error)
  if (/^((22|23|54)...)?$/.test(code)) return 'work'
  return /^(57014|XX...)$/.test(code) ? 'unclear' : 'server'
}

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
