import { sql } from 'drizzle-orm'
import type { Queryable } from './client.ts'

type DemoReaderRow = {
  readonly id: string
  readonly handle: string
  readonly name: string
  readonly following: number
  readonly followers: number
  readonly crowded: boolean
  readonly followed: boolean
}

/**
 * Users to read as. With a `query` those whose handle begins with it, or whose id it is; without it those who follow most and those who are
 * followed most, half of each. Counts every follow for that: for development only.
 */
export async function demoReaders(
  db: Queryable,
  { query, viewerId, limit }: { readonly query: string; readonly viewerId: string | undefined; readonly limit: number },
): Promise<DemoReaderRow[]> {
  const half = Math.floor(limit / 2)
  const chosen =
    query === ''
      ? sql`
        (select follower_id as id, 0 as place from follows group by follower_id order by count(*) desc, follower_id limit ${half})
        union all
        (select author_id, 1 from authors order by follower_count desc, author_id limit ${half})`
      : sql`
        select id, case when id::text = ${query} then 0 else 1 end as place from users
        where deleted_at is null and (id::text = ${query} or starts_with(lower(handle), lower(${query})))
        order by place, lower(handle), id limit ${limit}`
  const rows = await db.execute<DemoReaderRow>(sql`
    with chosen as (select id, min(place) as place from (${chosen}) as found group by id)
    select users.id::text as id, handle, name, following::int, follower_count as followers,
      route <> 'push' and candidate_since is not null as crowded,
      exists (select from follows where follower_id = ${viewerId ?? null}::bigint and followee_id = users.id) as followed
    from chosen
    join users on users.id = chosen.id
    join authors on author_id = chosen.id
    cross join lateral (select count(*) as following from follows where follower_id = chosen.id) as reading
    where deleted_at is null
    order by place, ${query === '' ? sql`case place when 0 then following else follower_count end desc` : sql`lower(handle)`}, users.id`)
  return [...rows]
}
