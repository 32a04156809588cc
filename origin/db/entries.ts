import { sql } from 'drizzle-orm'

/** One line of a timeline; the same shape as the contract's `Entry`, which this room may not import. */
export interface EntryRow {
  readonly activityId: string
  readonly actorId: string
  readonly audience: 'public' | 'followers'
  readonly root?: { readonly id: string; readonly authorId: string }
}

/** Who may see a post `p` of user `u` now. */
export const EFFECTIVE_AUDIENCE = sql`case when u.private then 'followers' else p.audience end`

/** The same as a row of a timeline keeps it: null for everybody, which costs no byte. */
export const AUDIENCE_HINT = sql`nullif(${EFFECTIVE_AUDIENCE}, 'public')`

export type RawEntry = {
  activity_id: bigint
  actor_id: bigint
  audience: EntryRow['audience']
  root_id: bigint | null
  root_author_id: bigint | null
}

export const toEntry = (row: RawEntry): EntryRow => ({
  activityId: String(row.activity_id),
  actorId: String(row.actor_id),
  audience: row.audience,
  ...(row.root_id === null || row.root_author_id === null
    ? {}
    : { root: { id: String(row.root_id), authorId: String(row.root_author_id) } }),
})
