import { sql } from 'drizzle-orm'
import type { Database, Queryable } from './client.ts'

/** What `npm run preflight` asks of a server. */
export interface Server {
  readonly version: number
  readonly versionText: string
  readonly nowMs: number
  readonly encrypted: boolean
  readonly readOnly: boolean
  readonly synchronousCommit: string
  readonly isolation: string
  /** Milliseconds; 0 where nothing ends an idle session. */
  readonly idleSessionTimeoutMs: number
  /** A statement_timeout that role or database set by default, as it is written there. */
  readonly statementTimeout: string | undefined
  /** Connections this role may have on this database. */
  readonly connections: number
  /** Those that are open, ours included. */
  readonly connected: number
}

export async function describeServer(db: Queryable): Promise<Server> {
  const [row] = await db.execute<Omit<Server, 'nowMs' | 'statementTimeout'> & { nowMs: string; statementTimeout: string | null }>(sql`
    select current_setting('server_version_num')::int as version, current_setting('server_version') as "versionText",
      extract(epoch from clock_timestamp()) * 1000 as "nowMs",
      coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false) as encrypted,
      pg_is_in_recovery() or current_setting('transaction_read_only')::bool as "readOnly",
      current_setting('synchronous_commit') as "synchronousCommit",
      current_setting('default_transaction_isolation') as isolation,
      (select setting::int from pg_settings where name = 'idle_session_timeout') as "idleSessionTimeoutMs",
      (select split_part(setting, '=', 2) from pg_db_role_setting, unnest(setconfig) as setting
        where setrole in (0, (select oid from pg_roles where rolname = current_user))
          and setdatabase in (0, (select oid from pg_database where datname = current_database()))
          and setting like 'statement\\_timeout=%'
        order by setrole desc, setdatabase desc limit 1) as "statementTimeout",
      (select least(
          current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
            - current_setting('reserved_connections', true)::int,
          (select nullif(rolconnlimit, -1) from pg_roles where rolname = current_user),
          (select nullif(datconnlimit, -1) from pg_database where datname = current_database()))) as connections,
      (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as connected`)
  if (!row) throw new Error('Postgres answered no row')
  return { ...row, nowMs: Number(row.nowMs), statementTimeout: row.statementTimeout ?? undefined }
}

/** Tables of ours that this role may not read and write. */
export async function forbiddenTables(db: Queryable): Promise<string[]> {
  const rows = await db.execute<{ name: string }>(sql`
    select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not (
      has_table_privilege(oid, 'select') and has_table_privilege(oid, 'insert')
      and has_table_privilege(oid, 'update') and has_table_privilege(oid, 'delete'))
    order by relname`)
  return rows.map(({ name }) => name)
}

/**
 * Whether two connections share server sessions, as they do behind a pooler in transaction mode: what one leaves in its session is then gone,
 * or seen by the other. Each of the two must hold one connection.
 */
export async function sessionsAreShared(first: Queryable, second: Database, mark: string): Promise<boolean> {
  const leave = (db: Queryable) => db.execute(sql`select set_config('tideline.preflight', ${mark}, false)`)
  const find = async (db: Queryable) => {
    const [row] = await db.execute<{ mark: string | null }>(sql`select current_setting('tideline.preflight', true) as mark`)
    return row?.mark === mark
  }
  await second.execute(sql`select 1`) // its handshake may leave a session of its own behind
  await leave(first)
  // The transaction keeps a session busy, most likely the one that was just left.
  return second.transaction(async (tx) => (await find(tx)) || !(await find(first)))
}
