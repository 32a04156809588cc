import { sql } from 'drizzle-orm'
import type { Database } from '../../../origin/db/client.ts'

type Audience = 'public' | 'followers' | 'nobody'

interface Activity {
  readonly id: string
  readonly authorId: string
  readonly text: string | null
  readonly rootId: string | null
  readonly audience: 'public' | 'followers'
  readonly deleted: boolean
}
interface Account {
  readonly id: string
  readonly private: boolean
  readonly suspended: boolean
  readonly deleted: boolean
}

/** Who may see what, by brute force over everything Postgres holds. It knows nothing of caches. */
export interface Truth {
  readonly accounts: ReadonlyMap<string, Account>
  readonly activities: ReadonlyMap<string, Activity>
  /** Who may see an activity at present, blocks aside: `nobody` where it, or its author's account, is gone or suspended. */
  audienceOf(activityId: string): Audience
  /** May this viewer see it? Undefined is nobody we know. A repost shows its root: one must be allowed to see both. */
  maySee(viewerId: string | undefined, activityId: string): boolean
  /** May this viewer see anything of the account beyond its profile? */
  maySeeAuthor(viewerId: string | undefined, authorId: string): boolean
  follows(viewerId: string, authorId: string): boolean
  left(viewerId: string, authorId: string): boolean
  muted(viewerId: string, authorId: string): boolean
  /** Either way. */
  blocked(one: string, other: string): boolean
  likes(viewerId: string, postId: string): boolean
}

export async function readTruth(db: Database): Promise<Truth> {
  const pairs = async (what: ReturnType<typeof sql>): Promise<ReadonlySet<string>> => {
    const rows = await db.execute<{ pair: string }>(sql`select a::text || ' ' || b::text as pair from (${what}) t (a, b)`)
    return new Set(rows.map(({ pair }) => pair))
  }
  const [users, posts, follows, departures, mutes, blocks, likes] = await Promise.all([
    db.execute<{ id: string; private: boolean; suspended: boolean; deleted: boolean }>(
      sql`select id::text, private, suspended_at is not null as suspended, deleted_at is not null as deleted from users`,
    ),
    db.execute<{
      id: string
      author: string
      text: string | null
      root: string | null
      audience: 'public' | 'followers'
      deleted: boolean
    }>(sql`
      select id::text, author_id::text as author, text, root_id::text as root, audience, deleted_at is not null as deleted from posts`),
    pairs(sql`select follower_id, followee_id from follows`),
    pairs(sql`select viewer_id, author_id from departures`),
    pairs(sql`select viewer_id, author_id from mutes`),
    pairs(sql`select blocker_id, blocked_id from blocks`),
    pairs(sql`select user_id, post_id from likes`),
  ])
  const accounts = new Map(users.map((user) => [user.id, user]))
  const activities = new Map(posts.map(({ author, root, ...post }) => [post.id, { ...post, authorId: author, rootId: root }]))
  const blocked = (one: string, other: string): boolean => blocks.has(`${one} ${other}`) || blocks.has(`${other} ${one}`)
  const isUp = (id: string): boolean => {
    const account = accounts.get(id)
    return account !== undefined && !account.suspended && !account.deleted
  }

  function audienceOf(activityId: string): Audience {
    const activity = activities.get(activityId)
    if (!activity || activity.deleted || !isUp(activity.authorId)) return 'nobody'
    return activity.audience === 'followers' || accounts.get(activity.authorId)?.private ? 'followers' : 'public'
  }
  function maySee(viewerId: string | undefined, activityId: string): boolean {
    const activity = activities.get(activityId)
    const audience = audienceOf(activityId)
    if (!activity || audience === 'nobody') return false
    const { authorId, rootId } = activity
    if (viewerId !== authorId) {
      if (viewerId !== undefined && blocked(viewerId, authorId)) return false
      if (audience === 'followers' && !(viewerId !== undefined && follows.has(`${viewerId} ${authorId}`))) return false
    }
    return rootId === null || maySee(viewerId, rootId)
  }
  return {
    accounts,
    activities,
    audienceOf,
    maySee,
    maySeeAuthor(viewerId, authorId) {
      if (!isUp(authorId)) return false
      if (viewerId === authorId) return true
      if (viewerId !== undefined && blocked(viewerId, authorId)) return false
      return !accounts.get(authorId)?.private || (viewerId !== undefined && follows.has(`${viewerId} ${authorId}`))
    },
    follows: (viewerId, authorId) => follows.has(`${viewerId} ${authorId}`),
    left: (viewerId, authorId) => departures.has(`${viewerId} ${authorId}`),
    muted: (viewerId, authorId) => mutes.has(`${viewerId} ${authorId}`),
    blocked,
    likes: (viewerId, postId) => likes.has(`${viewerId} ${postId}`),
  }
}
