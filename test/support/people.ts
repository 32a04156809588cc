import { sql } from 'drizzle-orm'
import type { Database } from '../../origin/db/client.ts'
import { putUser } from '../../origin/db/users.ts'

/** Ids of users made for tests: 19 digits, in the order they were made. */
let next = 1_100_000_000_000_000_000n

/** Makes users straight in the database; answers their ids. */
export async function makeUsers(db: Database, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => ++next)
  await db.transaction(async (tx) => {
    for (const id of ids) await putUser(tx, { id, handle: `user-${id}`, name: `User ${id}` })
  })
  return ids.map(String)
}

/** Makes many follows straight in the database, with the counts the routes would keep. */
export async function makeFollows(db: Database, pairs: readonly (readonly [follower: string, followee: string])[]): Promise<void> {
  if (pairs.length === 0) return
  const list = (side: 0 | 1) => sql`${`{${pairs.map((pair) => pair[side]).join(',')}}`}::bigint[]`
  await db.execute(sql`insert into follows (follower_id, followee_id) select * from unnest(${list(0)}, ${list(1)}) on conflict do nothing`)
  await db.execute(sql`
    update authors set follower_count = (select count(*) from follows where followee_id = author_id) where author_id = any(${list(1)})`)
}
