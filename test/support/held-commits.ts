import postgres from 'postgres'
import { eventually } from './eventually.ts'

const LOCK = 9_000_001

/** Commits that wait at the last instant: everything is written, the client waits for the word. */
export interface HeldCommits {
  /** Resolves when so many transactions wait. */
  waiting(count?: number): Promise<void>
  /** Lets them commit, whether or not their client still lives, and waits until they have. */
  release(): Promise<void>
}

/**
 * Holds the commit of every transaction that does `what` ('insert on posts', say), to rows of which `when` is true. Postgres does not look whether a client still lives while it waits for
 * a lock, so a process that is killed meanwhile has died exactly between its commit and whatever it would have done next.
 */
export async function holdCommits(databaseUrl: string, what: string, when = 'true'): Promise<HeldCommits> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} })
  await sql.unsafe(`
    create or replace function hold_commit() returns trigger language plpgsql as
      $$ begin perform pg_advisory_xact_lock_shared(${LOCK}); return null; end $$;
    create constraint trigger hold_commit after ${what} deferrable initially deferred
      for each row when (${when}) execute function hold_commit()`)
  await sql`select pg_advisory_lock(${LOCK})`
  return {
    waiting: (count = 1) =>
      eventually(async () => {
        const [held] = await sql<{ count: number }[]>`
          select count(*)::int as count from pg_locks
          where locktype = 'advisory' and objid = ${LOCK} and not granted and database = (select oid from pg_database where datname = current_database())`
        if ((held?.count ?? 0) < count) throw new Error(`${held?.count} commits wait, not ${count}`)
      }),
    async release() {
      await sql`select pg_advisory_unlock(${LOCK})`
      // Waits for the transactions that were held: this needs the table for itself.
      await sql.unsafe(`drop trigger hold_commit on ${what.split(' ').at(-1)}`)
      await sql.end()
    },
  }
}
