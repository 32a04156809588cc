import { sql } from 'drizzle-orm'
import { firstIdAt } from '../../contract/ids.ts'
import type { Database } from '../../origin/db/client.ts'
import { mulberry32 } from './random.ts'

interface Volume {
  readonly seed: number
  readonly posts: number
  /** Share of activities that repost an earlier one. */
  readonly reposts: number
  /** Share that is deleted again. */
  readonly deleted: number
  /** Within the last so many milliseconds, none in the last minute. */
  readonly spanMs: number
}

/** Writes posts of a moment ago or longer straight to Postgres, before anybody follows their authors: nothing is fanned out. */
export async function makePosts(
  db: Database,
  posts: readonly { readonly id: bigint; readonly authorId: string; readonly text: string }[],
): Promise<void> {
  if (posts.length === 0) return
  const values = posts.map(({ id, authorId, text }) => sql`(${id}::bigint, ${authorId}::bigint, ${text}, 'push')`)
  await db.execute(sql`insert into posts (id, author_id, text, mode) values ${sql.join(values, sql`, `)}`)
  const authors = sql.join(
    posts.map(({ authorId }) => sql`${authorId}::bigint`),
    sql`, `,
  )
  await db.execute(sql`
    update authors a set last_post_id = p.newest, post_version = post_version + p.count
    from (select author_id, max(id) as newest, count(*) as count from posts where author_id in (${authors}) group by author_id) p
    where a.author_id = p.author_id`)
}

/**
 * Writes activity of the past straight to Postgres, as if everybody had been dormant meanwhile: nothing is fanned out. Authors with
 * more followers post more; several ids share a millisecond. Modes are what the routes say now. Only the rows of `authorIds` are
 * updated, so several may be written at once.
 */
export async function writePast(db: Database, authorIds: readonly string[], volume: Volume): Promise<void> {
  const random = mulberry32(volume.seed)
  const endsAtMs = Date.now() - 60_000
  const ids: bigint[] = []
  let sequence = 0n
  for (let i = 0; i < volume.posts; i++) {
    // A third of the ids fall into the millisecond of the one before.
    const before = ids.at(-1)
    const atMs = endsAtMs - volume.spanMs + Math.floor((volume.spanMs * i) / volume.posts)
    sequence = random() < 1 / 3 ? sequence + 1n : 0n
    ids.push(before !== undefined && sequence > 0n ? before + 1n : firstIdAt(atMs) + BigInt(Math.floor(random() * 1024)) * 4096n)
  }
  const unique = [...new Set(ids)].sort((a, b) => (a < b ? -1 : 1))
  const author = () => authorIds[Math.floor(authorIds.length * random() ** 2)] ?? ''
  const rows = unique.map((id, i) => {
    const root = i > 0 && random() < volume.reposts ? Math.floor(i * random() ** 0.5) : -1
    return { id, author: author(), root: root >= 0 && root < i ? root : -1, deleted: random() < volume.deleted }
  })
  const roots = rows.map((row) => (row.root >= 0 && rows[row.root]?.root === -1 ? rows[row.root] : undefined))
  const array = (values: readonly unknown[], type: string) =>
    sql`${`{${values.map((value) => value ?? 'NULL').join(',')}}`}::${sql.raw(type)}[]`
  await db.execute(sql`
    insert into posts (id, author_id, text, root_id, root_author_id, mode, deleted_at, version)
    select distinct on (coalesce(root, id), case when root is null then 0 else author end) id, author,
      case when root is null then 'Post ' || id end, root, root_author,
      case (select route from authors where author_id = author) when 'pull' then 'pull' else 'push' end,
      case when deleted then now() end, case when deleted then 2 else 1 end
    from unnest(${array(
      rows.map((row) => row.id),
      'bigint',
    )}, ${array(
      rows.map((row) => row.author),
      'bigint',
    )},
      ${array(
        roots.map((root) => root?.id),
        'bigint',
      )}, ${array(
        roots.map((root) => root?.author),
        'bigint',
      )},
      ${array(
        rows.map((row) => row.deleted),
        'boolean',
      )}) row(id, author, root, root_author, deleted)
    order by coalesce(root, id), case when root is null then 0 else author end, id`)
  await db.execute(sql`
    update authors a set last_post_id = p.newest, post_version = post_version + p.count
    from (select author_id, max(id) as newest, count(*) as count from posts where author_id = any(${array(authorIds, 'bigint')}) group by author_id) p
    where a.author_id = p.author_id`)
  await db.execute(sql`analyze posts, authors`)
}
